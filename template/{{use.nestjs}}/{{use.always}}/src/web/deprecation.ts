/** Deprecated routes: their answers say since when, until when, and what replaces them (RFC 9745, RFC 8594). */

import { applyDecorators } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiExtension } from '@nestjs/swagger';
import type { FastifyInstance } from 'fastify';

interface Deprecation {
  since: Date;
  sunset: Date;
  /** The path that replaces the route. */
  successor: string;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    deprecated?: Deprecation;
  }
}

/** Marks a route as deprecated. */
export function Deprecated(deprecated: Deprecation): MethodDecorator {
  return applyDecorators(RouteConfig({ deprecated }), ApiExtension('x-deprecated', true));
}

export function addDeprecation(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    const { deprecated } = request.routeOptions.config;
    if (deprecated !== undefined) {
      reply.headers({
        deprecation: `@${Math.floor(deprecated.since.getTime() / 1000)}`,
        sunset: deprecated.sunset.toUTCString(),
        link: `<${deprecated.successor}>; rel="successor-version"`,
      });
    }
    done();
  });
}
