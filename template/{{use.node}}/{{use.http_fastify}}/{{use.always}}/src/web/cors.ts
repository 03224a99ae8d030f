/** Cross-origin requests of browsers (the Fetch standard), from the origins of an allow-list. */

import type { FastifyInstance } from 'fastify';

/** The headers of responses that scripts of other origins may read. */
const EXPOSED = [
  'ETag',
  'Link',
  'Location',
  'X-Request-ID',
  'Idempotent-Replayed',
  'Deprecation',
  'Sunset',
  'Retry-After',
  'RateLimit-Limit',
  'RateLimit-Remaining',
  'RateLimit-Reset',
].join(', ');

/** Not `@fastify/cors`: it answers each `OPTIONS`, and those that are no preflight in plain text. */
export function addCors(app: FastifyInstance, origins: readonly string[]): void {
  app.addHook('onRequest', async (request, reply) => {
    const { origin } = request.headers;
    const isAllowed = origin !== undefined && origins.includes(origin);
    reply.header('vary', 'accept-encoding, origin');
    if (isAllowed) reply.headers({ 'access-control-allow-origin': origin, 'access-control-expose-headers': EXPOSED });
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return;
    if (isAllowed) {
      reply.headers({
        'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
        'access-control-allow-headers': 'Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match',
        'access-control-max-age': '600',
      });
    }
    await reply.code(204).send(null);
  });
}
