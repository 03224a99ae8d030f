/** Access by permission. A route that names none and is not public stops the start. */

import type { FastifyInstance } from 'fastify';

import { ServiceError } from '../errors.ts';
import { may, type Permission, type Principal } from '../permissions.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The permission that a caller of the route needs. */
    permission?: Permission;
  }
  interface FastifyRequest {
    /** The caller. Only routes with a permission may read it. */
    principal: Principal;
  }
}

const PUBLIC = ['/livez', '/readyz', '/metrics', '/openapi.json', '/docs', '/problems/'];

export function addAccessControl(app: FastifyInstance): void {
  app.addHook('onRoute', ({ url, config }) => {
    const isPublic = PUBLIC.some((path) => url.startsWith(path));
    if (!isPublic && config?.permission === undefined)
      throw new Error(`${url} has neither a permission nor is it public`);
  });

  app.addHook('onRequest', (request, _reply, done) => {
    const { permission } = request.routeOptions.config;
    if (permission !== undefined) {
      const { principal } = request.context;
      if (principal === undefined) throw new ServiceError('unauthenticated');
      if (!may(principal, permission)) {
        throw new ServiceError('permission_denied', `This needs the permission ${permission}`);
      }
      request.principal = principal;
    }
    done();
  });
}
