import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';

import { canHash } from '../auth/passwords.ts';
import { NAME } from '../version.ts';
import { ConfigError, type Env } from './env.ts';
import { readRate } from './service.ts';

export type AuthSettings = ReturnType<typeof readAuthSettings>;

const PEM = /-----BEGIN [A-Z ]+-----.+?-----END [A-Z ]+-----/gs;

/** @throws ConfigError if this Node cannot hash passwords */
export function readAuthSettings(env: Env, isProduction: boolean) {
  if (!canHash())
    throw new ConfigError('this Node.js has no argon2id: use one that is built with OpenSSL 3.2 or newer');
  return {
    /** Signs access tokens. Unset: a key that everybody knows, for development only. */
    authPrivateKey: readPrivateKey(env, 'AUTH_PRIVATE_KEY', isProduction),
    /** Further public keys whose tokens are accepted. */
    authRetiredKeys: readPublicKeys(env, 'AUTH_RETIRED_KEYS'),
    authIssuer: env.string('AUTH_ISSUER', NAME),
    authAudience: env.string('AUTH_AUDIENCE', NAME),
    authAccessTtlSeconds: env.integer('AUTH_ACCESS_TTL_SECONDS', 900),
    authRefreshTtlSeconds: env.integer('AUTH_REFRESH_TTL_SECONDS', 604_800),
    /** How long a verified token is trusted before its session and roles are looked up again. */
    authRecheckSeconds: env.number('AUTH_RECHECK_SECONDS', 5),
    registrationIsOpen: env.oneOf('AUTH_REGISTRATION', ['open', 'closed'], isProduction ? 'closed' : 'open') === 'open',
    /** Logins, registrations, refreshes and password changes: the limit of each, per client address. */
    authRateLimit: readRate(env, 'AUTH_RATE_LIMIT', '20/minute'),
    /** Failed logins to one account from one address, after which that address cannot log in to the account. */
    authLockoutFailures: env.integer('AUTH_LOCKOUT_FAILURES', 10),
    authLockoutSeconds: env.integer('AUTH_LOCKOUT_SECONDS', 900),
  };
}

function readPrivateKey(env: Env, name: string, isProduction: boolean): KeyObject | undefined {
  const pems = readPems(env, name);
  if (pems === undefined) {
    if (isProduction) env.refuse(name, 'must be set in production; `node dist/cli.js generate-key` prints a new key');
    return undefined;
  }
  const [pem = '', ...others] = pems;
  const key = attempt(() => createPrivateKey(pem));
  if (key === undefined || !isP256(key) || others.length > 0) {
    env.refuse(name, 'must be one private P-256 key in PEM form, without a password');
  }
  return key;
}

/** The public key of a private one, if that is given. */
function readPublicKeys(env: Env, name: string): KeyObject[] {
  const pems = readPems(env, name);
  const keys = pems?.map((pem) => attempt(() => createPublicKey(pem))) ?? [];
  const valid = keys.flatMap((key) => (key !== undefined && isP256(key) ? [key] : []));
  if (valid.length < keys.length || pems?.length === 0) env.refuse(name, 'must be P-256 keys in PEM form');
  return valid;
}

function readPems(env: Env, name: string): string[] | undefined {
  // Environment files write line breaks as \n.
  const text = env.optional(name)?.replaceAll(String.raw`\n`, '\n');
  return text === undefined ? undefined : (text.match(PEM) ?? []);
}

function isP256(key: KeyObject): boolean {
  return key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
