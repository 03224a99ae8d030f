/** Accounts for development. */

import type { Database } from '../database.ts';
import type { Principal, Role } from '../permissions.ts';
import { findUserByEmail, type User } from './users/repository.ts';
import { createUser } from './users/service.ts';

/** Everybody knows it: the command refuses to run in production. */
const PASSWORD = 'for development';
export const ADMIN = 'admin@example.com';
export const MEMBER = 'member@example.com';

/** Create an admin and a member, unless they exist. Returns the member, and lines to print. */
export async function seedUsers(database: Database): Promise<{ owner: Principal; lines: string[] }> {
  await createUnlessExists(database, ADMIN, 'admin');
  const member = await createUnlessExists(database, MEMBER, 'member');
  return {
    owner: { subject: member.id, roles: ['member'] },
    lines: [`Log in as ${ADMIN} or ${MEMBER} with the password '${PASSWORD}'`],
  };
}

async function createUnlessExists(database: Database, email: string, role: Role): Promise<User> {
  const found = await database.read((session) => findUserByEmail(session, email));
  return found ?? (await createUser(database, { email, password: PASSWORD }, role));
}
