/** Authenticates requests by their access token. */

import { errors } from 'jose';
import { Counter } from 'prom-client';

import type { Settings } from '../config/index.ts';
import type { Database, Session } from '../database.ts';
import { ServiceError } from '../errors.ts';
import type { Principal } from '../permissions.ts';
import type { Budgets } from '../web/rate-limiter.ts';
import { type Claims, KeyRing } from './keys.ts';
import { deleteFailures, findPrincipals, revokeSessionsOf } from './sessions/repository.ts';

/** The paths of authentication that need no principal. */
export const PUBLIC_PATHS: readonly string[] = [
  '/api/v1/auth/register',
  '/api/v1/auth/login',
  '/api/v1/auth/refresh',
  '/api/v1/auth/logout',
  '/.well-known/jwks.json',
];

const CACHED_TOKENS = 10_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const attempts = new Counter({
  name: 'auth_attempts_total',
  help: 'Logins and rejected tokens',
  labelNames: ['result'],
});

/** The rate limits of login, registration, refresh and change of password. */
export function budgetsOf({ authRateLimit }: Settings): Budgets {
  const routes = ['/api/v1/auth/login', '/api/v1/auth/register', '/api/v1/auth/refresh', '/api/v1/users/me/password'];
  return Object.fromEntries(routes.map((route) => [route, authRateLimit]));
}

export function createAuthenticator(settings: Settings, database: Database): Authenticator {
  return new Authenticator(settings, database);
}

/** A token in the cache. */
interface VerifiedToken {
  principal: Principal;
  sessionId: string;
  /** In milliseconds since 1970. */
  expiresAt: number;
  /** Whether the token was used since the last recheck. */
  wasUsed: boolean;
}

/**
 * Verifies bearer tokens, and caches the verified ones.
 *
 * A token that is not in the cache takes one query, however many requests send it at the same time. After every
 * `AUTH_RECHECK_SECONDS`, the next request rechecks the cache: one query looks up the sessions of the tokens that were
 * used since the last recheck. Tokens whose session was not found are dropped.
 */
export class Authenticator {
  readonly keys: KeyRing;
  readonly #database: Database;
  readonly #recheckMs: number;
  readonly #verified = new Map<string, VerifiedToken>();
  readonly #verifying = new Map<string, Promise<Principal | ServiceError>>();
  #changes = 0;
  #recheckAt = 0;
  #rechecking: Promise<void> | undefined;

  constructor(settings: Settings, database: Database) {
    this.keys = new KeyRing(settings);
    this.#database = database;
    this.#recheckMs = settings.authRecheckSeconds * 1000;
  }

  /** The principal of a request, or why there is none. `authorization` is the header of that name. */
  async authenticate(authorization: string | undefined): Promise<Principal | ServiceError> {
    const token = bearerToken(authorization);
    if (token === undefined) return new ServiceError('unauthenticated', 'Send an access token as bearer');
    if (performance.now() >= this.#recheckAt) {
      // Concurrent requests wait for the same recheck.
      await (this.#rechecking ??= this.#recheck().finally(() => (this.#rechecking = undefined)));
    }
    const verified = this.#verified.get(token);
    if (verified !== undefined && Date.now() < verified.expiresAt) {
      verified.wasUsed = true;
      return verified.principal;
    }
    const found = await this.#verifyOnce(token);
    if (found instanceof ServiceError) attempts.inc({ result: 'rejected' });
    return found;
  }

  /** After the commit, drop the tokens of a user from the cache: its roles have changed or its sessions ended. */
  invalidateUser(session: Session, userId: string): void {
    session.afterCommit(() => this.#invalidate(({ principal }) => principal.subject === userId));
  }

  /** After the commit, drop the tokens of a session from the cache: the session has ended. */
  invalidateSession(session: Session, sessionId: string): void {
    session.afterCommit(() => this.#invalidate((each) => each.sessionId === sessionId));
  }

  /** Revoke every session of a user. */
  async endSessions(session: Session, userId: string): Promise<void> {
    await revokeSessionsOf(session, userId);
    this.invalidateUser(session, userId);
  }

  /** Delete the failed logins of a user. They have no foreign key, because unknown emails are counted, too. */
  async eraseLogins(session: Session, email: string): Promise<void> {
    await deleteFailures(session, email);
  }

  #invalidate(isAffected: (token: VerifiedToken) => boolean): void {
    this.#changes += 1;
    // Whoever asks from now on does not get the result of a query that is running, because it may be outdated.
    this.#verifying.clear();
    for (const [token, each] of this.#verified) {
      if (isAffected(each)) this.#verified.delete(token);
    }
  }

  async #recheck(): Promise<void> {
    const recheckAt = performance.now() + this.#recheckMs;
    const cached = [...this.#verified];
    const used = new Set(cached.filter(([, each]) => each.wasUsed).map(([, { sessionId }]) => sessionId));
    let found: ReadonlyMap<string, Principal> = new Map();
    try {
      if (used.size > 0) found = await this.#find([...used]);
      this.#recheckAt = recheckAt;
    } finally {
      // Drop the tokens whose session was not found: all tokens, if the database does not answer.
      for (const [token, each] of cached) {
        if (this.#verified.get(token) !== each) continue; // dropped or replaced during the query
        const principal = found.get(each.sessionId);
        if (principal === undefined) this.#verified.delete(token);
        else Object.assign(each, { principal, wasUsed: false });
      }
    }
  }

  /** Verify a token once at a time: all who ask meanwhile get the same result or error. */
  #verifyOnce(token: string): Promise<Principal | ServiceError> {
    const running = this.#verifying.get(token);
    if (running !== undefined) return running;
    const verifying = this.#verify(token).finally(() => {
      if (this.#verifying.get(token) === verifying) this.#verifying.delete(token);
    });
    this.#verifying.set(token, verifying);
    return verifying;
  }

  async #verify(token: string): Promise<Principal | ServiceError> {
    const claims = await this.#claimsOf(token);
    if (claims instanceof ServiceError) return claims;
    const changes = this.#changes;
    const principal = (await this.#find([claims.sid])).get(claims.sid);
    if (principal === undefined || principal.subject !== claims.sub) {
      return new ServiceError('unauthenticated', 'The session has ended');
    }
    // A change during the query may have made the principal outdated. It is not cached then.
    if (changes === this.#changes) this.#keep(token, principal, claims);
    return principal;
  }

  async #claimsOf(token: string): Promise<Claims | ServiceError> {
    try {
      const claims = await this.keys.verify(token);
      if ([claims.sub, claims.sid].every((id) => typeof id === 'string' && UUID.test(id))) return claims;
    } catch (error) {
      if (error instanceof errors.JWTExpired) return new ServiceError('token_expired', 'The access token has expired');
      if (!(error instanceof errors.JOSEError)) throw error;
    }
    return new ServiceError('unauthenticated', 'The access token is not valid');
  }

  #keep(token: string, principal: Principal, { sid, exp }: Claims): void {
    if (this.#verified.size >= CACHED_TOKENS) {
      const [oldest = ''] = this.#verified.keys();
      this.#verified.delete(oldest);
    }
    this.#verified.set(token, { principal, sessionId: sid, expiresAt: exp * 1000, wasUsed: true });
  }

  #find(sessionIds: readonly string[]): Promise<ReadonlyMap<string, Principal>> {
    return this.#database.read((session) => findPrincipals(session, sessionIds));
  }
}

function bearerToken(authorization = ''): string | undefined {
  return /^bearer (\S+)$/i.exec(authorization)?.[1];
}
