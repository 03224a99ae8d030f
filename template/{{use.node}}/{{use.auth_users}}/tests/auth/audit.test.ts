import { expect, test } from 'vitest';

import type { AuditEntry } from '../../src/auth/audit.ts';
import type { UserRead } from '../../src/auth/users/schemas.ts';
import type { App } from '../app.ts';
import { ADA, asAdmin, logInAda, post, withToken } from '../callers.ts';
import { startAnonymousApp } from '../services.ts';
import { tablesWith } from '../tables.ts';

const USERS = '/api/v1/users';

test('an entry has actor, action, subject, address, request id and change', async () => {
  const app = await startAnonymousApp();
  const admin = await asAdmin(app);
  const { id } = (await post(app, 'register', ADA)).json<UserRead>();
  const headers = { 'if-match': '*', 'x-request-id': 'mine' };
  await admin.inject({ method: 'PUT', url: `${USERS}/${id}/roles`, payload: { roles: ['admin'] }, headers });

  const [entry] = await entries(admin);
  expect(entry).toMatchObject({
    actor_id: (await admin.inject(`${USERS}/me`)).json<UserRead>().id,
    action: 'user.roles_assigned',
    subject: id,
    address: '127.0.0.1',
    request_id: 'mine',
    before: { roles: ['member'] },
    after: { roles: ['admin'] },
  });
  expect(Object.keys(entry ?? {})).not.toContain('owner_id');
});

test('a change that fails leaves no entry', async () => {
  const app = await startAnonymousApp();
  const admin = await asAdmin(app);
  const { id } = (await post(app, 'register', ADA)).json<UserRead>();
  const before = await entries(admin);
  const headers = { 'if-match': '"7"' };
  await admin.inject({ method: 'PUT', url: `${USERS}/${id}/roles`, payload: { roles: ['admin'] }, headers });
  expect(await entries(admin)).toEqual(before);
});

test('registrations, logins, passwords and disabling are recorded', async () => {
  const app = await startAnonymousApp();
  const admin = await asAdmin(app);
  const ada = withToken(app, (await logInAda(app)).access_token);
  await post(app, 'login', { ...ADA, password: 'a wrong password' });
  const { id } = (await ada.inject(`${USERS}/me`)).json<UserRead>();
  const payload = { current_password: ADA.password, new_password: 'battery horse correct' };
  await ada.inject({ method: 'PUT', url: `${USERS}/me/password`, payload });
  const headers = { 'if-match': '*' };
  await admin.inject({ method: 'PATCH', url: `${USERS}/${id}`, payload: { disabled: true }, headers });

  const found = await entries(admin);
  expect(found.map(({ action }) => action)).toEqual([
    'user.disabled_changed',
    'user.password_changed',
    'user.logged_in',
    'user.created',
  ]);
  expect(found.slice(1).map(({ actor_id }) => actor_id)).toEqual([id, id, id]);
  expect(found.map(({ subject }) => subject)).toEqual([id, id, id, id]);
  expect(found.map(({ after }) => after)).toEqual([{ disabled: true }, null, null, { roles: ['member'] }]);
});

test('the log is walked by its cursor', async () => {
  const app = await startAnonymousApp();
  const admin = await asAdmin(app);
  await logInAda(app);
  const first = (await admin.inject('/api/v1/audit-log?limit=1')).json<{ meta: { next_cursor: string } }>();
  const second = await admin.inject(`/api/v1/audit-log?limit=1&cursor=${first.meta.next_cursor}`);
  expect(second.json()).toMatchObject({ data: [{ action: 'user.created' }], meta: { next_cursor: null } });
});

test('erasure leaves no personal data in any table', async () => {
  const app = await startAnonymousApp({ TRUSTED_PROXIES: '127.0.0.1' });
  await logInAda(app);
  const headers = { 'x-forwarded-for': '203.0.113.7' };
  const url = '/api/v1/auth/login';
  const login = await app.inject({ method: 'POST', url, payload: ADA, headers });
  await app.inject({ method: 'POST', url, payload: { ...ADA, password: 'a wrong password' }, headers });
  const ada = withToken(app, login.json<{ access_token: string }>().access_token);
  const { id } = (await ada.inject(`${USERS}/me`)).json<UserRead>();
  const personal = [ADA.email, '203.0.113.7'];
  expect(await tablesWith(app.database, personal)).toEqual(expect.arrayContaining(['audit_log', 'users']));

  expect((await ada.inject({ method: 'DELETE', url: `${USERS}/me` })).statusCode).toBe(204);

  expect(await tablesWith(app.database, personal)).toEqual([]);
  expect(await tablesWith(app.database, [id])).toEqual(['audit_log']);
  const failures = await app.database.read(({ db }) => db.selectFrom('login_failures').selectAll().execute());
  expect(failures).toEqual([]);
});

async function entries(admin: App): Promise<AuditEntry[]> {
  return (await admin.inject('/api/v1/audit-log')).json<{ data: AuditEntry[] }>().data;
}
