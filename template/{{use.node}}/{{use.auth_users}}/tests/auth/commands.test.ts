import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

import { expect, test } from 'vitest';

import { authCommands } from '../../src/auth/index.ts';
import { ADMIN, MEMBER, seedUsers } from '../../src/auth/seed.ts';
import { findUserByEmail } from '../../src/auth/users/repository.ts';
import { createUser } from '../../src/auth/users/service.ts';
import { migrateUp } from '../../src/migrate.ts';
import { ADA } from '../callers.ts';
import { emptyDatabase } from '../databases.ts';
import { SECRETS } from '../secrets.ts';
import { openDatabase, testSettings } from '../services.ts';

test('an admin is created once, and the audit log names no actor', async () => {
  const variables = await emptyDatabase();
  const database = await openDatabase(variables);
  const create = () =>
    run(['create-admin', '--email', 'Ada@Example.com'], { ...variables, ADMIN_PASSWORD: ADA.password });
  expect(await create()).toEqual([0, 'ada@example.com is an admin\n']);
  expect(await create()).toEqual([1, 'error: The email is taken\n']);

  const [entry] = await database.read(({ db }) => db.selectFrom('audit_log').selectAll().execute());
  expect(entry).toMatchObject({ action: 'user.created', actor_id: null, after: '{"roles":["admin"]}' });
});

test.each([
  [ADA.email, 'short', 'error: the password must have 10 to 128 characters\n'],
  ['ada', ADA.password, 'error: the email is not valid\n'],
  [ADA.email, undefined, 'error: set ADMIN_PASSWORD, or run this command in a terminal\n'],
])('an admin %s with the password %s is refused in one line', async (email, password, line) => {
  const variables = { ...(await emptyDatabase()), ...(password && { ADMIN_PASSWORD: password }) };
  expect(await run(['create-admin', '--email', email], variables)).toEqual([1, line]);
});

test('the command needs an email', async () => {
  expect((await run(['create-admin'], await emptyDatabase()))[0]).toBe(2);
});

test('a taken email is refused', async () => {
  const settings = await testSettings();
  await migrateUp(settings);
  process.env['ADMIN_PASSWORD'] = ADA.password;
  const create = () => authCommands['create-admin']?.run(settings, ADA.email);
  await create();
  await expect(create()).rejects.toMatchObject({ code: 'conflict' });
  delete process.env['ADMIN_PASSWORD'];
});

test.each([ADMIN, MEMBER])('the seed creates the user %s if it is missing', async (missing) => {
  const database = await openDatabase();
  for (const email of [ADMIN, MEMBER]) {
    if (email !== missing) await createUser(database, { email, password: ADA.password }, 'admin');
  }
  const { owner } = await seedUsers(database);
  const member = await database.read((session) => findUserByEmail(session, MEMBER));
  expect(owner).toEqual({ subject: member?.id, roles: ['member'] });
  expect(await database.read((session) => findUserByEmail(session, missing))).toBeDefined();
});

/** The exit code of a command, and what it prints. */
async function run(command: string[], variables: NodeJS.ProcessEnv): Promise<[number, string]> {
  const { PATH } = process.env;
  const env = { PATH, APP_ENV: 'test', ...SECRETS, ...variables };
  const child = spawn(process.execPath, ['src/cli.ts', ...command], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exit = once(child, 'exit') as Promise<[number]>;
  const printed = await Promise.all([text(child.stdout), text(child.stderr)]);
  return [(await exit)[0], printed.join('')];
}
