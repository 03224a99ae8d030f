import { createPublicKey, generateKeyPairSync } from 'node:crypto';

import { expect, test } from 'vitest';

import { generatePem, KeyRing } from '../../src/auth/keys.ts';
import { readSettings } from '../../src/config/index.ts';
import { SECRETS } from '../databases.ts';

const { privateKey: rsa } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});
const { privateKey: encrypted } = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});

test('in development, registration is open and the key is one that everybody knows', async () => {
  const settings = readSettings({});
  expect(settings).toMatchObject({
    registrationIsOpen: true,
    authAccessTtlSeconds: 900,
    authRefreshTtlSeconds: 604_800,
    authRecheckSeconds: 5,
    authRateLimit: { limit: 20, seconds: 60 },
  });
  const [one, other] = [new KeyRing(settings), new KeyRing(readSettings({}))];
  expect(await one.publicKeys()).toEqual(await other.publicKeys());
});

test('production needs a key, and closes the registration', () => {
  const names = { APP_ENV: 'production', HOST: '0.0.0.0', ...SECRETS };
  expect(() => readSettings(names)).toThrow('AUTH_PRIVATE_KEY: must be set in production');
  const settings = readSettings({ ...names, AUTH_PRIVATE_KEY: generatePem() });
  expect(settings.registrationIsOpen).toBe(false);
});

test.each([
  ['AUTH_PRIVATE_KEY', 'nonsense'],
  ['AUTH_PRIVATE_KEY', rsa],
  ['AUTH_PRIVATE_KEY', encrypted],
  ['AUTH_PRIVATE_KEY', generatePem() + generatePem()],
  ['AUTH_PRIVATE_KEY', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----'],
  ['AUTH_RETIRED_KEYS', 'nonsense'],
  ['AUTH_RETIRED_KEYS', generatePem() + rsa],
  ['AUTH_REGISTRATION', 'maybe'],
  ['AUTH_ACCESS_TTL_SECONDS', '0'],
  ['AUTH_RATE_LIMIT', '20'],
  ['AUTH_LOCKOUT_FAILURES', '0'],
])('%s of case %# is refused', (name, value) => {
  expect(() => readSettings({ [name]: value })).toThrow(`${name}: must `);
});

test('several retired keys may be given, public or private', () => {
  const pems = [generatePem(), createPublicKey(generatePem()).export({ type: 'spki', format: 'pem' })];
  expect(readSettings({ AUTH_RETIRED_KEYS: pems.join('') }).authRetiredKeys.map(({ type }) => type)).toEqual([
    'public',
    'public',
  ]);
});
