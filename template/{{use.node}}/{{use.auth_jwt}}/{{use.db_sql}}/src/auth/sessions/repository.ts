/** Reads and writes login sessions, refresh tokens and failed logins. */

import { createHash } from 'node:crypto';

import { newId, now } from '../../clock.ts';
import { DELETED_AT_ONCE, type Session } from '../../database.ts';
import { isDuplicate } from '../../dialect.ts';
import type { Principal, Role } from '../../permissions.ts';
import type { LoginFailures, LoginSession } from './tables.ts';

/** The principals of these sessions, with current roles. Without ended sessions and disabled users. */
export async function findPrincipals(
  { db }: Session,
  sessionIds: readonly string[],
): Promise<ReadonlyMap<string, Principal>> {
  const rows = await db
    .selectFrom('sessions')
    .innerJoin('users', 'users.id', 'sessions.user_id')
    .leftJoin('grants', 'grants.user_id', 'sessions.user_id')
    .select(['sessions.id', 'sessions.user_id', 'grants.role'])
    .where('sessions.id', 'in', padded(sessionIds))
    .where('sessions.revoked_at', 'is', null)
    .where('sessions.expires_at', '>', now())
    .where('users.disabled', '=', false)
    .execute();
  const found = new Map<string, { subject: string; roles: Role[] }>();
  for (const { id, user_id, role } of rows) {
    const principal = found.get(id) ?? { subject: user_id, roles: [] };
    if (role !== null) principal.roles.push(role);
    found.set(id, principal);
  }
  return found;
}

export async function insertSession({ db }: Session, opened: LoginSession): Promise<void> {
  await db.insertInto('sessions').values(opened).execute();
}

export async function revokeSession({ db }: Session, id: string): Promise<void> {
  await db.updateTable('sessions').set({ revoked_at: now() }).where('id', '=', id).execute();
}

export async function revokeSessionsOf({ db }: Session, userId: string): Promise<void> {
  await db
    .updateTable('sessions')
    .set({ revoked_at: now() })
    .where('user_id', '=', userId)
    .where('revoked_at', 'is', null)
    .execute();
}

export async function insertRefreshToken({ db }: Session, token: string, session_id: string): Promise<void> {
  await db
    .insertInto('refresh_tokens')
    .values({ hash: digest(token), session_id, used_at: null })
    .execute();
}

/** Mark a refresh token as used. False if it is used already, or does not exist. */
export async function claimRefreshToken({ db }: Session, token: string): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('refresh_tokens')
    .set({ used_at: now() })
    .where('hash', '=', digest(token))
    .where('used_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** The session of a refresh token, unless it has ended. */
export async function findOpenSession({ db }: Session, token: string): Promise<LoginSession | undefined> {
  return db
    .selectFrom('sessions')
    .innerJoin('refresh_tokens', 'refresh_tokens.session_id', 'sessions.id')
    .selectAll('sessions')
    .where('refresh_tokens.hash', '=', digest(token))
    .where('sessions.revoked_at', 'is', null)
    .where('sessions.expires_at', '>', now())
    .executeTakeFirst();
}

/** The id of the session of a refresh token, used or not. */
export async function findSessionOfToken({ db }: Session, token: string): Promise<string | undefined> {
  const found = await db
    .selectFrom('refresh_tokens')
    .select('session_id')
    .where('hash', '=', digest(token))
    .executeTakeFirst();
  return found?.session_id;
}

/** The failed logins to an account from an address; undefined if there are none, or they have expired. */
export async function findFailures(
  { db }: Session,
  email: string,
  address: string,
): Promise<Pick<LoginFailures, 'count' | 'expires_at'> | undefined> {
  return db
    .selectFrom('login_failures')
    .select(['count', 'expires_at'])
    .where('account', '=', digest(email))
    .where('address', '=', digest(address))
    .where('expires_at', '>', now())
    .executeTakeFirst();
}

/**
 * Count a failed login. An expired count starts again at 1, and one that has reached the limit stays as it is. Returns
 * when the limit expires if it was reached before.
 */
export async function addFailure(
  session: Session,
  email: string,
  address: string,
  limit: number,
  expires_at: Date,
): Promise<Date | undefined> {
  const { db } = session;
  const [account, from] = [digest(email), digest(address)];
  // The update locks the row, so that concurrent failures are counted one after the other.
  const { numUpdatedRows } = await db
    .updateTable('login_failures')
    .set((row) => ({
      count: row
        .case()
        .when('expires_at', '>', now())
        .then(row('count', '+', 1))
        .else(1)
        .end(),
      expires_at,
    }))
    .where('account', '=', account)
    .where('address', '=', from)
    .where((row) => row.or([row('count', '<', limit), row('expires_at', '<=', now())]))
    .executeTakeFirst();
  if (numUpdatedRows > 0n) return undefined;
  const failures = await findFailures(session, email, address);
  if (failures !== undefined) return failures.expires_at;
  await db.insertInto('login_failures').values({ id: newId(), account, address: from, count: 1, expires_at }).execute();
  return undefined;
}

/** Whether `addFailure` failed because another transaction has counted the first failure at the same time. */
export function isConcurrentFailure(error: unknown): boolean {
  return isDuplicate(error, 'login_failures', ['account', 'address']);
}

/** Delete the count of failed logins to an account from an address, unless it has reached the limit. */
export async function deleteFailuresBelow(
  { db }: Session,
  email: string,
  address: string,
  limit: number,
): Promise<void> {
  await db
    .deleteFrom('login_failures')
    .where('account', '=', digest(email))
    .where('address', '=', digest(address))
    .where((row) => row.or([row('count', '<', limit), row('expires_at', '<=', now())]))
    .execute();
}

/** Delete the counts of failed logins to an account. */
export async function deleteFailures({ db }: Session, email: string): Promise<void> {
  await db.deleteFrom('login_failures').where('account', '=', digest(email)).execute();
}

/** Delete some of the expired sessions and counts of failed logins. True if there may be more. */
export async function purgeSessions({ db }: Session): Promise<boolean> {
  let more = false;
  for (const table of ['sessions', 'login_failures'] as const) {
    const expired = await db
      .selectFrom(table)
      .select('id')
      .where('expires_at', '<=', now())
      .limit(DELETED_AT_ONCE)
      .execute();
    const ids = expired.map(({ id }) => id);
    if (ids.length > 0) await db.deleteFrom(table).where('id', 'in', ids).execute();
    more ||= ids.length === DELETED_AT_ONCE;
  }
  return more;
}

/** Repeat the last value up to a power of two, so that there are few texts of the statement for the driver to cache. */
function padded(values: readonly string[]): string[] {
  const length = 2 ** Math.ceil(Math.log2(values.length));
  return [...values, ...Array<string>(length - values.length).fill(values.at(-1) ?? '')];
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
