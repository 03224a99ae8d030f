import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { afterEach, expect, test, vi } from 'vitest';

import { generatePem, KeyRing, type PublicKey } from '../../src/auth/keys.ts';
import { revokeSession } from '../../src/auth/sessions/repository.ts';
import { newId } from '../../src/clock.ts';
import { Database } from '../../src/database.ts';
import { NAME } from '../../src/version.ts';
import type { Response } from '../app.ts';
import { ADA, logInAda, newToken, statusOf, withToken } from '../callers.ts';
import { NOWHERE } from '../databases.ts';
import { startAnonymousApp, testSettings } from '../services.ts';

const ME = '/api/v1/users/me';

afterEach(() => void vi.useRealTimers());

test('no forged token is accepted', async () => {
  const app = await startAnonymousApp();
  const token = await newToken(app, 'member');
  const claims = decodeJwt(token);
  const { kid = '' } = decodeProtectedHeader(token);
  const [jwk] = await app.authenticator.keys.publicKeys();
  const { privateKey: attacker } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const [header, payload, signature] = token.split('.');
  const forgeries = {
    unsigned: `${part({ alg: 'none', kid })}.${payload}.`,
    'signed with the public key': confused({ alg: 'HS256', kid }, payload, jwk),
    'signed with another key': await signed(claims, attacker, kid),
    'signed with an unknown key': await signed(claims, attacker, 'unknown'),
    'without the id of a key': await signed(claims, attacker, undefined),
    'of somebody else': `${header}.${part({ ...claims, sub: newId() })}.${signature}`,
    'without its signature': `${header}.${payload}.`,
    'no token at all': 'a.b.c',
    'a refresh token': 'a'.repeat(43),
  };
  expect(await statusOf(app, token)).toBe(200);
  for (const [how, forged] of Object.entries(forgeries)) {
    expectRefused(await withToken(app, forged).inject(ME), how);
  }
});

test.each([
  [{ aud: 'other' }, 'unauthenticated'],
  [{ iss: 'other' }, 'unauthenticated'],
  [{ exp: 1 }, 'token_expired'],
  [{ exp: undefined }, 'unauthenticated'],
  [{ sid: 7 }, 'unauthenticated'],
  [{ sid: newId() }, 'unauthenticated'],
  [{ sub: newId() }, 'unauthenticated'],
])('a signed token with the claims %o is refused', async (changes, code) => {
  const app = await startAnonymousApp();
  const claims = decodeJwt(await newToken(app, 'member'));
  const token = await app.authenticator.keys.sign({ ...claims, ...changes } as JWTPayload);
  expectRefused(await withToken(app, token).inject(ME), JSON.stringify(changes), code);
});

test.each(['Basic YTpi', 'Bearer', 'Bearer ', 'Token', 'Bearer TOKEN more'])(
  'the credentials %j are refused',
  async (written) => {
    const app = await startAnonymousApp();
    const authorization = written.replace(/TOKEN|Token/, await newToken(app, 'member'));
    const response = await app.inject({ url: ME, headers: { authorization } });
    expect(response.json()).toMatchObject({ status: 401, code: 'unauthenticated' });
  },
);

test('without credentials, the challenge names no error', async () => {
  const app = await startAnonymousApp();
  expect((await app.inject(ME)).headers['www-authenticate']).toBe('Bearer');
});

test('tokens of the current and of retired keys are accepted, and those of dropped keys refused', async () => {
  const [current, retired, dropped] = [generatePem(), generatePem(), generatePem()];
  const publicPem = createPublicKey(retired).export({ type: 'spki', format: 'pem' });
  const app = await startAnonymousApp({
    AUTH_PRIVATE_KEY: current.replaceAll('\n', String.raw`\n`),
    AUTH_RETIRED_KEYS: publicPem,
  });
  const claims = decodeJwt(await newToken(app, 'member'));
  const statuses = [];
  for (const pem of [current, retired, dropped]) {
    const ring = new KeyRing(await testSettings({ AUTH_PRIVATE_KEY: pem }));
    statuses.push(await statusOf(app, await ring.sign(claims)));
  }
  expect(statuses).toEqual([200, 200, 401]);
});

test('other services can verify tokens with the published keys, which have nothing private', async () => {
  const app = await startAnonymousApp({ AUTH_RETIRED_KEYS: generatePem() });
  const token = await newToken(app, 'member');
  const response = await app.inject('/.well-known/jwks.json');
  const { keys } = response.json<{ keys: PublicKey[] }>();
  expect(keys.map((key) => Object.keys(key).toSorted())).toEqual(
    Array.from({ length: 2 }, () => ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']),
  );
  expect(response.headers['cache-control']).toBe('public, max-age=300');
  const { protectedHeader } = await jwtVerify(token, createLocalJWKSet({ keys }), { issuer: NAME, audience: NAME });
  expect(protectedHeader).toEqual({ alg: 'ES256', kid: keys[0]?.kid });
});

test('a cached token is accepted until it expires', async () => {
  const app = await startAnonymousApp({ AUTH_RECHECK_SECONDS: '60' });
  const claims = decodeJwt(await newToken(app, 'member'));
  const exp = Math.ceil(Date.now() / 1000) + 30;
  const token = await app.authenticator.keys.sign({ ...claims, exp });
  expect(await statusOf(app, token)).toBe(200);
  vi.useFakeTimers({ toFake: ['Date'], now: exp * 1000 });
  expectRefused(await withToken(app, token).inject(ME), 'expired', 'token_expired');
});

test('what another process changes applies after AUTH_RECHECK_SECONDS', async () => {
  const app = await startAnonymousApp({ AUTH_RECHECK_SECONDS: '1' });
  const [kept, revoked, disabled] = [
    await newToken(app, 'member'),
    await newToken(app, 'member'),
    await newToken(app, 'member'),
  ];
  const statuses = () => Promise.all([kept, revoked, disabled].map((token) => statusOf(app, token)));
  expect(await statuses()).toEqual([200, 200, 200]);
  await app.database.transaction(async (session) => {
    await revokeSession(session, String(decodeJwt(revoked)['sid']));
    const id = String(decodeJwt(disabled).sub);
    await session.db.updateTable('users').set({ disabled: true }).where('id', '=', id).execute();
  });
  expect(await statuses()).toEqual([200, 200, 200]);
  await sleep(1100);
  expect(await statuses()).toEqual([200, 401, 401]);
});

test('200 concurrent requests with a new token take one query', async () => {
  const app = await startAnonymousApp({ AUTH_RECHECK_SECONDS: '60', MAX_CONCURRENCY: '200' });
  const member = withToken(app, await newToken(app, 'member'));
  const read = vi.spyOn(app.database, 'read');
  const answers = await Promise.all(Array.from({ length: 200 }, () => member.inject('/api/nowhere')));
  expect(new Set(answers.map((answer) => answer.statusCode))).toEqual(new Set([404]));
  expect(read).toHaveBeenCalledTimes(1);
});

test('a request after the end of a session does not share a query from before', async () => {
  const app = await startAnonymousApp({ AUTH_RECHECK_SECONDS: '60' });
  const token = await newToken(app, 'member');
  const gate = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  const read = app.database.read.bind(app.database);
  const slow = vi.spyOn(app.database, 'read').mockImplementationOnce(async (work) => {
    const found = await read(work);
    started.resolve();
    await gate.promise;
    return found;
  });
  const before = statusOf(app, token);
  await started.promise;
  slow.mockRestore();
  await app.database.transaction((session) => app.authenticator.endSessions(session, String(decodeJwt(token).sub)));

  expect(await statusOf(app, token)).toBe(401);
  gate.resolve();
  expect(await before).toBe(200);
  expect(await statusOf(app, token)).toBe(401);
});

test('no token is accepted while its session cannot be looked up', async () => {
  const app = await startAnonymousApp({ AUTH_RECHECK_SECONDS: '0' });
  const member = withToken(app, await newToken(app, 'member'));
  expect((await member.inject(ME)).statusCode).toBe(200);
  const nowhere = new Database(await testSettings({ DATABASE_URL: NOWHERE }));
  const outage: unknown = await nowhere.ping().catch((error: unknown) => error);
  await nowhere.close();
  const read = vi.spyOn(app.database, 'read').mockRejectedValue(outage);
  for (const _ of [1, 2]) expect((await member.inject(ME)).json()).toMatchObject({ status: 503, code: 'unavailable' });
  read.mockRestore();
  expect((await member.inject(ME)).statusCode).toBe(200);
});

test('an access token does not outlive its session', async () => {
  const app = await startAnonymousApp({ AUTH_RECHECK_SECONDS: '0' });
  const claims = decodeJwt(await newToken(app, 'member'));
  const token = await app.authenticator.keys.sign({ ...claims, exp: (claims.exp ?? 0) + 48 * 3600 });
  expect(await statusOf(app, token)).toBe(200);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 24 * 3600 * 1000 });
  expect(await statusOf(app, token)).toBe(401);
});

test('a wrong password does not make the token invalid', async () => {
  const app = await startAnonymousApp();
  const ada = withToken(app, (await logInAda(app)).access_token);
  const payload = { current_password: 'a wrong password', new_password: ADA.password };
  const response = await ada.inject({ method: 'PUT', url: `${ME}/password`, payload });
  expect(response.json()).toMatchObject({ status: 401, code: 'invalid_credentials' });
  expect(response.headers['www-authenticate']).toBe('Bearer');
});

function expectRefused(response: Response, how: string, code = 'unauthenticated'): void {
  expect(response.json(), how).toMatchObject({ status: 401, code });
  expect(response.headers['www-authenticate']).toBe('Bearer error="invalid_token"');
}

function signed(claims: JWTPayload, key: KeyObject, kid: string | undefined): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', ...(kid && { kid }) }).sign(key);
}

/** Algorithm confusion: the public key is used as the secret of HS256. */
function confused(header: object, payload = '', jwk?: PublicKey): string {
  const pem = createPublicKey({ key: { ...jwk }, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  const content = `${part(header)}.${payload}`;
  return `${content}.${createHmac('sha256', pem).update(content).digest('base64url')}`;
}

function part(content: object): string {
  return Buffer.from(JSON.stringify(content)).toString('base64url');
}
