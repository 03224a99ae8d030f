/** The `Idempotency-Key` header. */

import type { Request, Response as HttpResponse } from 'express';
import * as z from 'zod';

import { callerOf } from '../context.ts';
import type { Session } from '../database.ts';
import { findResponse, type Response, storeResponse } from '../idempotency/index.ts';

/** The schema of the headers of a create. */
export const idempotencyHeaders = z.object({
  'idempotency-key': z
    .string()
    .min(1)
    .max(255)
    .regex(/^[!-~]([ -~]*[!-~])?$/)
    .exactOptional()
    .meta({
      description: 'Any text that identifies this create. Repeating it repeats the first response for 24 hours.',
    }),
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
  {
    method,
    fullPath,
    headers,
    context,
    valid,
  }: Pick<Request, 'method' | 'fullPath' | 'headers' | 'context'> & { valid: { body: unknown } },
  create: () => Promise<Response>,
): Promise<Outcome> {
  const key = headers['idempotency-key'];
  if (typeof key !== 'string') return { ...(await create()), isReplayed: false };
  const idempotent = {
    caller: callerOf(context),
    route: `${method} ${fullPath}`,
    key,
    body: JSON.stringify(valid.body),
  };
  const stored = await findResponse(session, idempotent);
  if (stored !== undefined) return { ...stored, isReplayed: true };
  const response = await create();
  await storeResponse(session, idempotent, response);
  return { ...response, isReplayed: false };
}

export function sendCreated(res: HttpResponse, { status, location, etag, body, isReplayed }: Outcome): void {
  if (isReplayed) res.set('idempotent-replayed', 'true');
  res.status(status).set({ location, etag }).type('json').send(body);
}
