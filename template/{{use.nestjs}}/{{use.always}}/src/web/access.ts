/** Which routes are for everybody, and who the caller of the others is. */

import type { FastifyInstance, FastifyRequest } from 'fastify';

import { PUBLIC_PATHS } from '../auth/provider.ts';
import { ServiceError } from '../errors.ts';
import type { Principal } from '../permissions.ts';

const PUBLIC: ReadonlySet<string> = new Set([
  '/livez',
  '/readyz',
  '/metrics',
  '/openapi.json',
  '/docs',
  '/problems/:code',
  ...PUBLIC_PATHS,
]);
const PUBLIC_BELOW = '/docs/';

/** Refuses callers without valid credentials before their body is received. Nest runs guards after that. */
export function addAuthenticationCheck(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    if (!isPublic(request)) principalOf(request);
    done();
  });
}

export function isPublic({ routeOptions: { url = '' } }: FastifyRequest): boolean {
  return PUBLIC.has(url) || url.startsWith(PUBLIC_BELOW);
}

/** @throws unauthenticated, token_expired */
export function principalOf({ context }: FastifyRequest): Principal {
  if (context.principal === undefined) throw context.refusal ?? new ServiceError('unauthenticated');
  return context.principal;
}
