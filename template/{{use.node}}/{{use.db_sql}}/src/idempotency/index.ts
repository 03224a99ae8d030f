/**
 * Idempotency keys: a repeated create has one effect, and each repetition gets the first response. The response is
 * stored in the transaction of the effect, so a crash leaves both or neither.
 */

import { createHash } from 'node:crypto';

import { now } from '../clock.ts';
import { userCaller } from '../context.ts';
import { DELETED_AT_ONCE, type Session } from '../database.ts';
import { tryLock } from '../dialect.ts';
import { ServiceError } from '../errors.ts';
import type { Job } from '../jobs/index.ts';
import type { StoredResponse } from './tables.ts';

const KEPT_FOR_MS = 24 * 3600 * 1000;

/** A request that carries an idempotency key. Different callers and routes may use the same key. */
export interface IdempotentRequest {
  caller: string;
  route: string;
  key: string;
  body: string;
}

export type Response = Pick<StoredResponse, 'status' | 'location' | 'etag' | 'body'>;

/**
 * The response to the first request with this key; undefined if this is the first one. The key is locked until the
 * transaction ends.
 *
 * @throws idempotency_in_progress, idempotency_key_reused
 */
export async function findResponse(session: Session, request: IdempotentRequest): Promise<Response | undefined> {
  const scope = scopeOf(request);
  if (!(await tryLock(session, `${scope}\0${request.key}`))) {
    const detail = 'The first request with this key is still running';
    throw new ServiceError('idempotency_in_progress', detail, { retryAfter: 1 });
  }
  const stored = await session.db
    .selectFrom('idempotency_keys')
    .selectAll()
    .where('scope', '=', scope)
    .where('key', '=', request.key)
    .executeTakeFirst();
  if (stored === undefined || stored.expires_at <= now()) return undefined;
  if (stored.fingerprint !== fingerprintOf(request)) {
    throw new ServiceError('idempotency_key_reused', 'The key was used with another body');
  }
  return stored;
}

/** Store the first response, in the transaction of its effect. It replaces one that has expired. */
export async function storeResponse(session: Session, request: IdempotentRequest, response: Response): Promise<void> {
  const id = { scope: scopeOf(request), key: request.key };
  const stored = {
    ...response,
    fingerprint: fingerprintOf(request),
    expires_at: new Date(now().getTime() + KEPT_FOR_MS),
  };
  await session.db.deleteFrom('idempotency_keys').where('scope', '=', id.scope).where('key', '=', id.key).execute();
  await session.db
    .insertInto('idempotency_keys')
    .values({ ...id, ...stored })
    .execute();
}

/** Delete the responses to a user. */
export async function eraseResponses({ db }: Session, subject: string): Promise<void> {
  await db
    .deleteFrom('idempotency_keys')
    .where('scope', 'like', `${userCaller(subject)} %`)
    .execute();
}

/** Delete some of the expired responses. True if there may be more. */
async function purge(session: Session): Promise<boolean> {
  const expired = await session.db
    .selectFrom('idempotency_keys')
    .select(['scope', 'key'])
    .where('expires_at', '<=', now())
    .limit(DELETED_AT_ONCE)
    .execute();
  for (const { scope, key } of expired) {
    await session.db.deleteFrom('idempotency_keys').where('scope', '=', scope).where('key', '=', key).execute();
  }
  return expired.length === DELETED_AT_ONCE;
}

export const idempotencyJobs: Job[] = [{ name: 'purge_idempotency_keys', everySeconds: 3600, run: purge }];

function scopeOf({ caller, route }: IdempotentRequest): string {
  return `${caller} ${route}`;
}

function fingerprintOf({ body }: IdempotentRequest): string {
  return createHash('sha256').update(body).digest('hex');
}
