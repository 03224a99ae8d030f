/** Operations on users. */

import { newId, now } from '../../clock.ts';
import type { Database, Session } from '../../database.ts';
import { ServiceError } from '../../errors.ts';
import type { Role } from '../../permissions.ts';
import type { PersonalData } from '../../personal-data.ts';
import { checkVersion, type Versions } from '../../versions.ts';
import { eraseFromAudit, record } from '../audit.ts';
import { type Credentials, normalized } from '../credentials.ts';
import { hashPassword, verifyPassword } from '../passwords.ts';
import type { Authenticator } from '../provider.ts';
import {
  assignRoles,
  deleteUser,
  findUser,
  insertUser,
  lockAdmins,
  lockUser,
  replacePassword,
  updateUser,
  type User,
} from './repository.ts';

/**
 * Create a user. With `isSelfRegistered`, the audit log names the user as the actor.
 *
 * @throws conflict
 */
export async function createUser(
  database: Database,
  { email, password }: Credentials,
  role: Role,
  { isSelfRegistered = false } = {},
): Promise<User> {
  const user = newUser(email, await hashPassword(password), role);
  await database.transaction(async (session) => {
    await insertUser(session, user);
    const change = { action: 'user.created', subject: user.id, after: { roles: user.roles } };
    await record(session, { ...change, ...(isSelfRegistered && { actor: user.id }) });
  });
  return user;
}

export function newUser(email: string, password_hash: string, role: Role): User {
  const created_at = now();
  return {
    id: newId(),
    email: normalized(email),
    password_hash,
    disabled: false,
    created_at,
    updated_at: created_at,
    version: 1,
    roles: [role],
  };
}

/**
 * Give a user exactly these roles.
 *
 * @throws not_found, precondition_failed, invalid_state
 */
export async function changeRoles(
  session: Session,
  authenticator: Authenticator,
  id: string,
  roles: readonly Role[],
  versions: Versions,
): Promise<User> {
  const admins = await lockAdmins(session);
  const user = await lockUser(session, id);
  checkVersion(user.version, versions);
  if (!roles.includes('admin')) refuseIfLastAdmin(admins, user, 'demoted');
  const changed = await assignRoles(session, user, roles);
  const [before, after] = [{ roles: user.roles }, { roles: changed.roles }];
  await record(session, { action: 'user.roles_assigned', subject: id, before, after });
  authenticator.invalidateUser(session, id);
  return changed;
}

/**
 * Disable or enable a user. Disabling ends the sessions of the user.
 *
 * @throws not_found, precondition_failed, invalid_state
 */
export async function changeDisabled(
  session: Session,
  authenticator: Authenticator,
  id: string,
  disabled: boolean | undefined,
  versions: Versions,
): Promise<User> {
  const admins = await lockAdmins(session);
  const user = await lockUser(session, id);
  checkVersion(user.version, versions);
  if (disabled === undefined || disabled === user.disabled) return user;
  if (disabled) {
    refuseIfLastAdmin(admins, user, 'disabled');
    await authenticator.endSessions(session, id);
  }
  const changed = await updateUser(session, user, { disabled });
  const [before, after] = [{ disabled: user.disabled }, { disabled }];
  await record(session, { action: 'user.disabled_changed', subject: id, before, after });
  return changed;
}

/**
 * Change the password of a user, which ends all its sessions.
 *
 * @throws invalid_credentials, not_found
 */
export async function changePassword(
  database: Database,
  authenticator: Authenticator,
  id: string,
  passwords: { current: string; new: string },
): Promise<void> {
  const known = await database.read((session) => findUser(session, id));
  if (!(await verifyPassword(passwords.current, known.password_hash))) throw wrongPassword();
  const hash = await hashPassword(passwords.new);
  await database.transaction(async (session) => {
    // Another request may have changed the password while this one was hashed.
    if (!(await replacePassword(session, known, hash))) throw wrongPassword();
    await authenticator.endSessions(session, id);
    await record(session, { action: 'user.password_changed', subject: id });
  });
}

/**
 * Erase a user, and all data that the features store about the user.
 *
 * @throws not_found, invalid_state
 */
export async function eraseUser(
  session: Session,
  authenticator: Authenticator,
  features: readonly PersonalData[],
  id: string,
): Promise<void> {
  // As a login does, lock the user before its failed logins. In the other order, both could wait for each other.
  const admins = await lockAdmins(session);
  const user = await lockUser(session, id);
  refuseIfLastAdmin(admins, user, 'erased');
  await authenticator.eraseLogins(session, user.email);
  for (const { erase } of features) await erase(session, id);
  await deleteUser(session, id);
  await record(session, { action: 'user.erased', subject: id });
  await eraseFromAudit(session, id);
  authenticator.invalidateUser(session, id);
}

function wrongPassword(): ServiceError {
  return new ServiceError('invalid_credentials', 'The current password is not correct');
}

function refuseIfLastAdmin(admins: readonly string[], user: User, change: string): void {
  if (admins.length === 1 && admins[0] === user.id) {
    throw new ServiceError('invalid_state', `The last admin cannot be ${change}`);
  }
}
