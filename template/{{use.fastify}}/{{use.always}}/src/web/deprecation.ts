/** Deprecated routes: their answers say since when, until when, and what replaces them (RFC 9745, RFC 8594). */

import type { FastifyInstance } from 'fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Marks the route as deprecated. `successor` is the path that replaces it. */
    deprecated?: { since: Date; sunset: Date; successor: string };
  }
}

export function addDeprecation(app: FastifyInstance): void {
  app.addHook('onRoute', ({ config, schema }) => {
    if (config?.deprecated !== undefined && schema !== undefined) schema.deprecated = true;
  });

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
