import { expect, test, vi } from 'vitest';

import { createUser } from '../../src/auth/users/service.ts';
import type { UserRead } from '../../src/auth/users/schemas.ts';
import { newId } from '../../src/clock.ts';
import type { App, Response } from '../app.ts';
import { ADA, asAdmin, logInAda, post, sortedStatuses, withToken } from '../callers.ts';
import { startAnonymousApp } from '../services.ts';

const USERS = '/api/v1/users';
const CHANGE = { current_password: ADA.password, new_password: 'battery horse correct' };

test('the caller that has the current version of its account gets 304', async () => {
  const { ada } = await start();
  const response = await ada.inject(`${USERS}/me`);
  expect([response.statusCode, response.headers['etag']]).toEqual([200, '"1"']);
  const headers = { 'if-none-match': '"1"' };
  expect((await ada.inject({ url: `${USERS}/me`, headers })).statusCode).toBe(304);
});

test('allowed methods are those of the path without parameters', async () => {
  const { admin } = await start();
  const response = await admin.inject({ method: 'POST', url: `${USERS}/me` });
  expect([response.statusCode, response.headers['allow']]).toEqual([405, 'DELETE, GET, HEAD']);
});

test('an admin lists users, newest first, and reads one', async () => {
  const { admin, user } = await start();
  const first = (await admin.inject(`${USERS}?limit=1`)).json<{ data: UserRead[]; meta: { next_cursor: string } }>();
  expect(first.data).toEqual([user]);
  const second = await admin.inject(`${USERS}?limit=1&cursor=${first.meta.next_cursor}`);
  expect(second.json<{ data: UserRead[] }>().data).toMatchObject([{ roles: ['admin'] }]);
  const one = await admin.inject(`${USERS}/${user.id}`);
  expect([one.json(), one.headers['etag']]).toEqual([user, '"1"']);
  const headers = { 'if-none-match': '"1"' };
  expect((await admin.inject({ url: `${USERS}/${user.id}`, headers })).statusCode).toBe(304);
  expect((await admin.inject(`${USERS}/${newId()}`)).json()).toMatchObject({ status: 404 });
});

test('new roles apply at once, also if a request caches the old ones just before the commit', async () => {
  const { app, admin, ada, user } = await start();
  const transaction = app.database.transaction.bind(app.database);
  vi.spyOn(app.database, 'transaction').mockImplementation((work) =>
    transaction(async (session) => {
      const result = await work(session);
      await ada.inject(`${USERS}/me`);
      return result;
    }),
  );
  for (const [version, roles, status] of [
    [1, ['admin', 'member'], 200],
    [2, [], 403],
  ] as const) {
    const response = await assign(admin, user.id, roles, `"${version}"`);
    expect([response.headers['etag'], response.json<UserRead>().roles]).toEqual([`"${version + 1}"`, roles]);
    expect((await ada.inject(USERS)).statusCode).toBe(status);
  }
  expect((await ada.inject(`${USERS}/me`)).statusCode).toBe(200);
});

test.each([
  [null, 'precondition_required'],
  ['"7"', 'precondition_failed'],
])('with If-Match %s, roles are not assigned', async (ifMatch, code) => {
  const { admin, user } = await start();
  expect((await assign(admin, user.id, ['admin'], ifMatch)).json()).toMatchObject({ code });
  expect((await admin.inject(`${USERS}/${user.id}`)).json()).toEqual(user);
});

test('roles are those of the table, and need a user', async () => {
  const { admin, user } = await start();
  const unknown = await assign(admin, user.id, ['emperor']);
  expect(unknown.json()).toMatchObject({ status: 422, errors: [{ pointer: '/roles/0' }] });
  expect((await assign(admin, newId(), ['admin'])).json()).toMatchObject({ code: 'not_found' });
  expect((await assign(admin, user.id, ['member', 'member'])).json()).toMatchObject({ roles: ['member'] });
});

test('the last admin cannot be demoted, disabled or erased', async () => {
  const { admin } = await start();
  const { id } = (await admin.inject(`${USERS}/me`)).json<UserRead>();
  const answers = [
    await assign(admin, id, ['member']),
    await disable(admin, id),
    await admin.inject({ method: 'DELETE', url: `${USERS}/me` }),
  ];
  for (const answer of answers) expect(answer.json()).toMatchObject({ status: 409, code: 'invalid_state' });
  expect((await admin.inject(`${USERS}/me`)).json()).toMatchObject({ roles: ['admin'], disabled: false });
});

test('of two admins who demote each other, one remains', async () => {
  const { app, admin } = await start();
  const other = await asAdmin(app);
  const [mine, theirs] = [
    (await admin.inject(`${USERS}/me`)).json<UserRead>(),
    (await other.inject(`${USERS}/me`)).json<UserRead>(),
  ];
  const answers = await Promise.all([assign(admin, theirs.id, []), assign(other, mine.id, [])]);
  const statuses = sortedStatuses(answers);
  expect([
    [200, 403],
    [200, 409],
  ]).toContainEqual(statuses);
});

test('a disabled user is logged out at once, and cannot log in until it is enabled again', async () => {
  const { app, admin, ada, user } = await start();
  expect((await ada.inject(`${USERS}/me`)).statusCode).toBe(200);
  expect((await disable(admin, user.id)).json()).toMatchObject({ disabled: true });
  expect((await ada.inject(`${USERS}/me`)).statusCode).toBe(401);
  expect((await post(app, 'login', ADA)).json()).toMatchObject({ code: 'invalid_credentials' });

  const unchanged = await disable(admin, user.id);
  expect(unchanged.headers['etag']).toBe('"2"');
  await disable(admin, user.id, false);
  expect((await post(app, 'login', ADA)).statusCode).toBe(200);
});

test('a new password replaces the old one, and ends all sessions', async () => {
  const { app, ada } = await start();
  const response = await ada.inject({ method: 'PUT', url: `${USERS}/me/password`, payload: CHANGE });
  expect(response.statusCode).toBe(204);
  expect((await ada.inject(`${USERS}/me`)).statusCode).toBe(401);
  expect((await post(app, 'login', ADA)).statusCode).toBe(401);
  expect((await post(app, 'login', { ...ADA, password: CHANGE.new_password })).statusCode).toBe(200);
});

test('of two changes of a password at the same time, one is refused', async () => {
  const { ada } = await start();
  const change = (new_password: string) =>
    ada.inject({ method: 'PUT', url: `${USERS}/me/password`, payload: { ...CHANGE, new_password } });
  const answers = await Promise.all([change('battery horse correct'), change('horse correct battery')]);
  expect(sortedStatuses(answers)).toEqual([204, 401]);
});

test('an export holds the account, without secrets', async () => {
  const { ada, user } = await start();
  const response = await ada.inject(`${USERS}/me/export`);
  expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
  expect(response.json<{ user: unknown }>().user).toEqual(user);
  expect(response.body).not.toMatch(/password|hash|argon2|token|session/);
  expect((await ada.inject({ method: 'HEAD', url: `${USERS}/me/export` })).statusCode).toBe(200);
});

test('an erased user can neither use its tokens nor log in', async () => {
  const { app, ada } = await start();
  expect((await ada.inject({ method: 'DELETE', url: `${USERS}/me` })).statusCode).toBe(204);
  expect((await ada.inject(`${USERS}/me`)).statusCode).toBe(401);
  expect((await post(app, 'login', ADA)).statusCode).toBe(401);
});

test('another violated constraint is no conflict', async () => {
  const { app } = await start();
  const failing = createUser(
    app.database,
    { email: 'grace@example.com', password: ADA.password },
    'emperor' as 'admin',
  );
  await expect(failing).rejects.toThrow('ck_grants_role');
});

interface Started {
  app: App;
  admin: App;
  /** A member who has registered and logged in. */
  ada: App;
  user: UserRead;
}

async function start(): Promise<Started> {
  const app = await startAnonymousApp();
  const admin = await asAdmin(app);
  const ada = withToken(app, (await logInAda(app)).access_token);
  return { app, admin, ada, user: (await ada.inject(`${USERS}/me`)).json<UserRead>() };
}

function assign(admin: App, id: string, roles: readonly string[], ifMatch: string | null = '*') {
  return send(admin, 'PUT', `${id}/roles`, { roles }, ifMatch);
}

function disable(admin: App, id: string, disabled = true): Promise<Response> {
  return send(admin, 'PATCH', id, { disabled }, '*');
}

function send(
  admin: App,
  method: 'PUT' | 'PATCH',
  path: string,
  payload: object,
  ifMatch: string | null,
): Promise<Response> {
  const headers = ifMatch === null ? {} : { 'if-match': ifMatch };
  return admin.inject({ method, url: `${USERS}/${path}`, payload, headers });
}
