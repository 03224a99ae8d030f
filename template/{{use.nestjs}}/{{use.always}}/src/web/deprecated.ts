import { applyDecorators } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiExtension } from '@nestjs/swagger';
import type { FastifyContextConfig } from 'fastify';

/** Marks a route as deprecated. `successor` is the path that replaces it. */
export function Deprecated(deprecated: NonNullable<FastifyContextConfig['deprecated']>): MethodDecorator {
  return applyDecorators(RouteConfig({ deprecated }), ApiExtension('x-deprecated', true));
}
