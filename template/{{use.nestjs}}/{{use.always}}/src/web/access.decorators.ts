/** Decorators of routes for certain callers, and of parameters that take the caller. */

import { applyDecorators, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiExtension } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';

import type { Permission } from '../permissions.ts';
import { principalOf } from './access.ts';

/** `authenticated` is for every caller with valid credentials. */
export type RoutePermission = Permission | 'authenticated';

export const RequiredPermission = Reflector.createDecorator<RoutePermission>();

/** The permission that a caller of the route needs. */
export function RequirePermission(permission: RoutePermission): MethodDecorator {
  return applyDecorators(RequiredPermission(permission), ApiExtension('x-permission', permission));
}

/** The principal of the request. Public routes may not ask for it. */
export const Caller = createParamDecorator((_data: unknown, execution: ExecutionContext) =>
  principalOf(execution.switchToHttp().getRequest<FastifyRequest>()),
);
