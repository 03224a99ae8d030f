import type { FastifyInstance } from 'fastify';

import { ServiceError } from '../errors.ts';

/** Refuses an empty path parameter. Nest would call it an unknown route, and name the methods of the known one. */
export function addParameterCheck(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const isEmpty = Object.values(request.params as Record<string, string>).includes('');
    done(isEmpty ? new ServiceError('not_found', 'There is nothing at this address') : undefined);
  });
}
