/** Reads and writes users. */

import type { SelectQueryBuilder } from 'kysely';

import { now } from '../../clock.ts';
import type { Session } from '../../database.ts';
import { forUpdate, isDuplicate } from '../../dialect.ts';
import { ServiceError } from '../../errors.ts';
import { isOlder } from '../../keyset.ts';
import { type Cursor, type Slice, slice } from '../../pagination.ts';
import type { Role } from '../../permissions.ts';
import type { Tables } from '../../tables.ts';
import type { UserRow } from './tables.ts';

export interface User extends UserRow {
  roles: Role[];
}

/** @throws conflict if the email is taken */
export async function insertUser({ db }: Session, { roles, ...user }: User): Promise<void> {
  try {
    await db.insertInto('users').values(user).execute();
  } catch (error) {
    if (isDuplicate(error, 'users', ['email'])) throw new ServiceError('conflict', 'The email is taken');
    throw error;
  }
  await insertGrants(db, user.id, roles);
}

/** @throws not_found */
export async function findUser(session: Session, id: string): Promise<User> {
  const [user] = await withRoles(session, users(session).where('id', '=', id));
  return found(user);
}

export async function findUserByEmail(session: Session, email: string): Promise<User | undefined> {
  const [user] = await withRoles(session, users(session).where('email', '=', email));
  return user;
}

/** Newest first. */
export async function listUsers(session: Session, limit: number, after: Cursor | undefined): Promise<Slice<User>> {
  let page = users(session);
  if (after !== undefined) page = page.where(isOlder('users', after));
  page = page
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1);
  return slice(await withRoles(session, page), limit);
}

/** A user, locked until the transaction ends; undefined if it does not exist. */
export async function lockUserIfExists(session: Session, id: string): Promise<User | undefined> {
  // Two statements: a single one could read the roles as they were before it waited for the lock.
  await forUpdate(session.db.selectFrom('users').select('id').where('id', '=', id)).execute();
  const [user] = await withRoles(session, users(session).where('id', '=', id));
  return user;
}

/**
 * A user, locked until the transaction ends.
 *
 * @throws not_found
 */
export async function lockUser(session: Session, id: string): Promise<User> {
  return found(await lockUserIfExists(session, id));
}

/**
 * The ids of the admins who can log in, locked until the transaction ends. Call this before locking a single user:
 * transactions that lock the same users in different orders may wait for each other.
 */
export async function lockAdmins({ db }: Session): Promise<string[]> {
  // Joined, so that the grants are locked, too: one that is revoked during the wait does not count.
  const admins = db
    .selectFrom('users')
    .innerJoin('grants', 'grants.user_id', 'users.id')
    .select('users.id')
    .where('grants.role', '=', 'admin')
    .where('users.disabled', '=', false)
    .orderBy('users.id');
  return (await forUpdate(admins).execute()).map(({ id }) => id);
}

/** Change fields of a user who is locked. Returns the new version of it. */
export async function updateUser(
  { db }: Session,
  user: User,
  changes: Partial<Pick<UserRow, 'disabled' | 'password_hash'>>,
): Promise<User> {
  const changed = { ...changes, updated_at: now(), version: user.version + 1 };
  await db.updateTable('users').set(changed).where('id', '=', user.id).execute();
  return { ...user, ...changed };
}

/** Give a user who is locked exactly these roles. */
export async function assignRoles(session: Session, user: User, roles: readonly Role[]): Promise<User> {
  await session.db.deleteFrom('grants').where('user_id', '=', user.id).execute();
  await insertGrants(session.db, user.id, roles);
  return { ...(await updateUser(session, user, {})), roles: [...roles] };
}

/** Replace the password of a user. False if it is no longer the known one. */
export async function replacePassword({ db }: Session, known: User, password_hash: string): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('users')
    .set((row) => ({ password_hash, updated_at: now(), version: row('version', '+', 1) }))
    .where('id', '=', known.id)
    .where('password_hash', '=', known.password_hash)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Store the same password, hashed anew. */
export async function storeHash({ db }: Session, id: string, password_hash: string): Promise<void> {
  await db.updateTable('users').set({ password_hash }).where('id', '=', id).execute();
}

export async function deleteUser({ db }: Session, id: string): Promise<void> {
  await db.deleteFrom('users').where('id', '=', id).execute();
}

type Users = SelectQueryBuilder<Tables, 'users', UserRow>;

function users({ db }: Session): Users {
  return db.selectFrom('users').selectAll();
}

/** Load users and their roles, newest first. One statement, so that both are of one snapshot. */
async function withRoles({ db }: Session, selected: Users): Promise<User[]> {
  const rows = await db
    .selectFrom(selected.as('users'))
    .leftJoin('grants', 'grants.user_id', 'users.id')
    .selectAll('users')
    .select('grants.role')
    .orderBy('users.created_at', 'desc')
    .orderBy('users.id', 'desc')
    .orderBy('grants.role')
    .execute();
  const byId = new Map<string, User>();
  for (const { role, ...user } of rows) {
    const known = byId.get(user.id) ?? { ...user, roles: [] };
    if (role !== null) known.roles.push(role);
    byId.set(user.id, known);
  }
  return [...byId.values()];
}

function found(user: User | undefined): User {
  if (user === undefined) throw new ServiceError('not_found', 'There is no such user');
  return user;
}

async function insertGrants(db: Session['db'], user_id: string, roles: readonly Role[]): Promise<void> {
  if (roles.length === 0) return;
  await db
    .insertInto('grants')
    .values(roles.map((role) => ({ user_id, role })))
    .execute();
}
