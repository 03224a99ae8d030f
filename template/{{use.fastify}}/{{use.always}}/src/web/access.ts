/** Access by permission. A route that names none and is not public stops the start. */

import type { FastifyInstance } from 'fastify';

import { PUBLIC_PATHS } from '../auth/provider.ts';
import { ServiceError } from '../errors.ts';
import { may, type Permission, type Principal } from '../permissions.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The permission that a caller of the route needs. `authenticated` is for every caller with valid credentials. */
    permission?: Permission | 'authenticated';
  }
  interface FastifyRequest {
    /** The caller. Only routes with a permission may read it. */
    principal: Principal;
  }
}

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

export function addAccessControl(app: FastifyInstance): void {
  app.decorateRequest('principal');

  app.addHook('onRoute', ({ url, config }) => {
    const isPublic = PUBLIC.has(url) || url.startsWith(PUBLIC_BELOW);
    if (!isPublic && config?.permission === undefined)
      throw new Error(`${url} has neither a permission nor is it public`);
  });

  app.addHook('onRequest', (request, _reply, done) => {
    const { permission } = request.routeOptions.config;
    if (permission !== undefined) {
      const { principal, refusal } = request.context;
      if (principal === undefined) throw refusal ?? new ServiceError('unauthenticated');
      if (permission !== 'authenticated' && !may(principal, permission)) {
        throw new ServiceError('permission_denied', `This needs the permission ${permission}`);
      }
      request.principal = principal;
    }
    done();
  });
}
