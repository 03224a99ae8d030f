import { argon2Sync, randomBytes } from 'node:crypto';

import { afterEach, expect, test, vi } from 'vitest';

import { purgeSessions } from '../../src/auth/sessions/repository.ts';
import type { TokenPair } from '../../src/auth/sessions/service.ts';
import type { App } from '../app.ts';
import { ADA, logInAda, post, sortedStatuses, statusOf } from '../callers.ts';
import { startAnonymousApp } from '../services.ts';

const WEEK_MS = 7 * 24 * 3600 * 1000;
const WRONG = { ...ADA, password: 'a wrong password' };
const NOBODY = { ...ADA, email: 'nobody@example.com' };

afterEach(() => void vi.useRealTimers());

test('a registration creates a member, whose password is hashed', async () => {
  const app = await startAnonymousApp();
  const response = await post(app, 'register', ADA);
  expect([response.statusCode, response.headers['location']]).toEqual([201, '/api/v1/users/me']);
  expect(Object.keys(response.json())).toEqual(['id', 'email', 'roles', 'disabled', 'created_at', 'updated_at']);
  expect(response.json()).toMatchObject({ email: ADA.email, roles: ['member'] });
  const stored = await app.database.read(({ db }) => db.selectFrom('users').selectAll().executeTakeFirst());
  expect(stored?.password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
});

test('an email can be registered once, in any case', async () => {
  const app = await startAnonymousApp();
  await post(app, 'register', ADA);
  const again = await post(app, 'register', { ...ADA, email: 'ADA@Example.com' });
  expect(again.json()).toMatchObject({ status: 409, code: 'conflict' });
  expect((await post(app, 'login', { ...ADA, email: 'ADA@Example.com' })).statusCode).toBe(200);
});

test.each([
  { password: 'too short' },
  { password: 'a'.repeat(129) },
  { roles: ['admin'] },
  { email: 'ada\0@example.com' },
  { email: 'ada@@example.com' },
  { email: 'ada@example..com' },
  { email: 'ada@example' },
  { email: 'ada' },
])('the registration with %o is refused', async (changes) => {
  const app = await startAnonymousApp();
  const response = await post(app, 'register', { ...ADA, ...changes });
  expect(response.statusCode).toBe(422);
  const { errors } = response.json<{ errors: { pointer: string }[] }>();
  expect(errors.map(({ pointer }) => pointer)).toEqual(Object.keys(changes).map((field) => `/${field}`));
});

test.each([
  ['', 403],
  ['open', 201],
])('in production with AUTH_REGISTRATION=%j, a registration gets %i', async (setting, status) => {
  const app = await startAnonymousApp({ APP_ENV: 'production', AUTH_REGISTRATION: setting });
  expect((await post(app, 'register', ADA)).statusCode).toBe(status);
});

test('routes that take credentials have a limit of their own, however their path is written', async () => {
  const app = await startAnonymousApp({ AUTH_RATE_LIMIT: '3/hour' });
  const statuses = [];
  for (const route of ['login', '%6cogin', 'login?again', 'login']) {
    statuses.push((await post(app, route, ADA)).statusCode);
  }
  expect(statuses).toEqual([401, 401, 401, 429]);
  expect((await post(app, 'logout', { refresh_token: 'x' })).statusCode).toBe(204);
});

test('a wrong password and an unknown email get the same answer', async () => {
  const app = await startAnonymousApp();
  await post(app, 'register', ADA);
  const [wrong, unknown] = [(await post(app, 'login', WRONG)).json(), (await post(app, 'login', NOBODY)).json()];
  const varying = { request_id: '', timestamp: '' };
  expect({ ...wrong, ...varying }).toEqual({ ...unknown, ...varying });
  expect(wrong).toMatchObject({ status: 401, code: 'invalid_credentials' });
});

test.each([WRONG, NOBODY])('too many failures of %o lock this address out for a while', async (login) => {
  const app = await startAnonymousApp({
    AUTH_LOCKOUT_FAILURES: '3',
    AUTH_LOCKOUT_SECONDS: '60',
    TRUSTED_PROXIES: '127.0.0.1',
  });
  await post(app, 'register', ADA);
  const answers = await Promise.all(Array.from({ length: 6 }, () => post(app, 'login', login)));
  expect(sortedStatuses(answers)).toEqual([401, 401, 401, 429, 429, 429]);
  const refused = await post(app, 'login', { ...login, password: ADA.password });
  expect(refused.json()).toMatchObject({ status: 429, code: 'rate_limited' });
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(50);
  const elsewhere = {
    method: 'POST',
    url: '/api/v1/auth/login',
    headers: { 'x-forwarded-for': '203.0.113.9' },
  } as const;
  expect((await app.inject({ ...elsewhere, payload: login })).statusCode).toBe(401);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 });
  expect((await post(app, 'login', login)).statusCode).toBe(401);
});

test('a login ends the count of failures', async () => {
  const app = await startAnonymousApp({ AUTH_LOCKOUT_FAILURES: '2' });
  await post(app, 'register', ADA);
  for (const login of [WRONG, ADA, WRONG, ADA]) await post(app, 'login', login);
  expect((await post(app, 'login', ADA)).statusCode).toBe(200);
});

test('a correct password is refused if others have failed while it was hashed', async () => {
  const app = await startAnonymousApp({ AUTH_LOCKOUT_FAILURES: '2' });
  await post(app, 'register', ADA);
  const read = app.database.read.bind(app.database);
  vi.spyOn(app.database, 'read').mockImplementationOnce(async (work) => {
    const found = await read(work);
    for (const _ of [1, 2]) await post(app, 'login', WRONG);
    return found;
  });
  expect((await post(app, 'login', ADA)).json()).toMatchObject({ status: 429, code: 'rate_limited' });
});

test('a hash with other parameters is replaced at the next login', async () => {
  const app = await startAnonymousApp();
  await post(app, 'register', ADA);
  const nonce = randomBytes(16);
  const cost = { memory: 64, passes: 1, parallelism: 1 };
  const digest = argon2Sync('argon2id', { message: ADA.password, nonce, tagLength: 16, ...cost });
  const weak = `$argon2id$v=19$m=64,t=1,p=1$${unpadded(nonce)}$${unpadded(digest)}`;
  await app.database.transaction(({ db }) => db.updateTable('users').set({ password_hash: weak }).execute());
  expect((await post(app, 'login', WRONG)).statusCode).toBe(401);
  expect(await passwordHash(app)).toBe(weak);
  expect((await post(app, 'login', ADA)).statusCode).toBe(200);
  expect(await passwordHash(app)).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  expect((await post(app, 'login', ADA)).statusCode).toBe(200);
});

test('a hash that cannot be read matches no password', async () => {
  const app = await startAnonymousApp();
  await post(app, 'register', ADA);
  await app.database.transaction(({ db }) => db.updateTable('users').set({ password_hash: 'nonsense' }).execute());
  expect((await post(app, 'login', ADA)).json()).toMatchObject({ code: 'invalid_credentials' });
});

test('a refresh token works once, and a second use ends its session', async () => {
  const app = await startAnonymousApp();
  const stolen = await logInAda(app);
  const other = (await post(app, 'login', ADA)).json<TokenPair>();
  expect(await statusOf(app, stolen.access_token)).toBe(200);
  const answers = await Promise.all(Array.from({ length: 5 }, () => refresh(app, stolen)));
  expect(sortedStatuses(answers)).toEqual([200, 401, 401, 401, 401]);
  const newest = answers.find(({ statusCode }) => statusCode === 200)?.json<TokenPair>() ?? stolen;
  for (const { access_token } of [stolen, newest]) expect(await statusOf(app, access_token)).toBe(401);
  expect((await refresh(app, newest)).json()).toMatchObject({ status: 401, code: 'unauthenticated' });
  expect((await refresh(app, other)).statusCode).toBe(200);
});

test('a refresh gives a new pair of the same session', async () => {
  const app = await startAnonymousApp();
  const first = await logInAda(app);
  const second = (await refresh(app, first)).json<TokenPair>();
  expect(second).toMatchObject({ token_type: 'Bearer', expires_in: 900 });
  expect(second.refresh_token).not.toBe(first.refresh_token);
  expect(second.access_token).not.toBe(first.access_token);
  expect(await statusOf(app, second.access_token)).toBe(200);
  expect((await refresh(app, second)).statusCode).toBe(200);
});

test('a logout ends the session, and does not reveal whether a token exists', async () => {
  const app = await startAnonymousApp();
  const tokens = await logInAda(app);
  expect(await statusOf(app, tokens.access_token)).toBe(200);
  for (const refresh_token of [tokens.refresh_token, 'made up']) {
    expect((await post(app, 'logout', { refresh_token })).statusCode).toBe(204);
  }
  expect(await statusOf(app, tokens.access_token)).toBe(401);
  expect((await refresh(app, tokens)).statusCode).toBe(401);
});

test('a session ends after a week, however often it was refreshed, and is purged', async () => {
  const app = await startAnonymousApp();
  const start = Date.now();
  let tokens = await logInAda(app);
  await post(app, 'login', WRONG);
  vi.useFakeTimers({ toFake: ['Date'], now: start + WEEK_MS - 60_000 });
  tokens = (await refresh(app, tokens)).json<TokenPair>();
  expect(await statusOf(app, tokens.access_token)).toBe(200);
  vi.setSystemTime(start + WEEK_MS + 60_000);
  expect((await refresh(app, tokens)).statusCode).toBe(401);

  for (const login of [ADA, NOBODY]) await post(app, 'login', login);
  expect(await app.database.transaction((session) => purgeSessions(session))).toBe(false);
  for (const table of ['sessions', 'refresh_tokens', 'login_failures'] as const) {
    const rows = await app.database.read(({ db }) => db.selectFrom(table).selectAll().execute());
    expect(rows.length, table).toBe(1);
  }
});

test('logins are counted by their result', async () => {
  const app = await startAnonymousApp();
  await logInAda(app);
  await post(app, 'login', WRONG);
  await statusOf(app, 'nonsense');
  const { body } = await app.inject('/metrics');
  for (const result of ['ok', 'failed', 'rejected']) expect(body).toMatch(`auth_attempts_total{result="${result}"}`);
});

function refresh(app: App, { refresh_token }: TokenPair) {
  return post(app, 'refresh', { refresh_token });
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}

async function passwordHash(app: App): Promise<string> {
  const user = await app.database.read(({ db }) => db.selectFrom('users').selectAll().executeTakeFirstOrThrow());
  return user.password_hash;
}
