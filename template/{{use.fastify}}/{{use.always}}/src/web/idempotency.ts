/** The `Idempotency-Key` header. */

import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';

import { callerOf } from '../context.ts';
import type { Session } from '../database.ts';
import { findResponse, type Response, storeResponse } from '../idempotency/index.ts';

/** The schema of the headers of a create. */
export const idempotencyHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      pattern: '^[!-~]([ -~]*[!-~])?$',
      description: 'Any text that identifies this create. Repeating it repeats the first response for 24 hours.',
    }),
  ),
});

interface Outcome extends Response {
  isReplayed: boolean;
}

/**
 * Create something once, even if the client repeats the request with the same key.
 *
 * @throws idempotency_in_progress, idempotency_key_reused, and what `create` throws
 */
export async function createOnce(
  session: Session,
  request: FastifyRequest,
  create: () => Promise<Response>,
): Promise<Outcome> {
  const key = request.headers['idempotency-key'];
  if (typeof key !== 'string') return { ...(await create()), isReplayed: false };
  const idempotent = {
    caller: callerOf(request.context),
    route: `${request.method} ${request.path}`,
    key,
    body: JSON.stringify(request.body),
  };
  const stored = await findResponse(session, idempotent);
  if (stored !== undefined) return { ...stored, isReplayed: true };
  const response = await create();
  await storeResponse(session, idempotent, response);
  return { ...response, isReplayed: false };
}

export function sendCreated(reply: FastifyReply, { status, location, etag, body, isReplayed }: Outcome): FastifyReply {
  if (isReplayed) reply.header('idempotent-replayed', 'true');
  return reply.code(status).headers({ location, etag }).type('application/json; charset=utf-8').send(body);
}
