/** Registration, login, and the tokens of a session. */

import { randomBytes } from 'node:crypto';

import { newId, now } from '../../clock.ts';
import type { Settings } from '../../config/index.ts';
import { currentContext } from '../../context.ts';
import type { Database, Session } from '../../database.ts';
import { ServiceError } from '../../errors.ts';
import { record } from '../audit.ts';
import { type Credentials, normalized } from '../credentials.ts';
import { hashPassword, isOutdated, verifyPassword } from '../passwords.ts';
import { attempts, type Authenticator } from '../provider.ts';
import { findUserByEmail, lockUserIfExists, storeHash, type User } from '../users/repository.ts';
import { createUser } from '../users/service.ts';
import {
  addFailure,
  claimRefreshToken,
  deleteFailuresBelow,
  findFailures,
  findOpenSession,
  findSessionOfToken,
  insertRefreshToken,
  insertSession,
  isConcurrentFailure,
  revokeSession,
} from './repository.ts';
import type { LoginSession } from './tables.ts';

export interface TokenPair {
  access_token: string;
  refresh_token: string;
  token_type: 'Bearer';
  /** Seconds until the access token expires. */
  expires_in: number;
}

/** Opens, refreshes and ends login sessions. */
export class Sessions {
  readonly #settings: Settings;
  readonly #database: Database;
  readonly #authenticator: Authenticator;

  constructor(settings: Settings, database: Database, authenticator: Authenticator) {
    this.#settings = settings;
    this.#database = database;
    this.#authenticator = authenticator;
  }

  /**
   * Create a member.
   *
   * @throws permission_denied, conflict
   */
  async register(credentials: Credentials): Promise<User> {
    if (!this.#settings.registrationIsOpen) throw new ServiceError('permission_denied', 'Registration is closed');
    return createUser(this.#database, credentials, 'member', { isSelfRegistered: true });
  }

  /**
   * Open a session. The error does not tell whether the account exists.
   *
   * @throws invalid_credentials, rate_limited
   */
  async logIn({ email: written, password }: Credentials): Promise<TokenPair> {
    const email = normalized(written);
    const user = await this.#database.read(async (session) => {
      await this.#refuseIfLockedOut(session, email);
      return findUserByEmail(session, email);
    });
    const isCorrect = await verifyPassword(password, user?.password_hash);
    const tokens = user !== undefined && isCorrect ? await this.#open(email, user, password) : undefined;
    attempts.inc({ result: tokens ? 'ok' : 'failed' });
    if (tokens !== undefined) return tokens;
    await this.#countFailure(email);
    throw new ServiceError('invalid_credentials', 'Email and password do not match');
  }

  /**
   * Exchange a refresh token for new tokens. A second use suggests a stolen token, so it revokes the session.
   *
   * @throws unauthenticated
   */
  async refresh(token: string): Promise<TokenPair> {
    const tokens = await this.#database.transaction(async (session) => {
      // Of concurrent requests, one claims the token. The others wait for its commit, and then revoke the session.
      if (!(await claimRefreshToken(session, token))) {
        await this.#end(session, token);
        return undefined;
      }
      const open = await findOpenSession(session, token);
      return open && this.#issueTokens(session, open);
    });
    // Thrown after the transaction, so that the session is revoked.
    if (tokens === undefined) throw new ServiceError('unauthenticated', 'The refresh token is not valid');
    return tokens;
  }

  /** End the session of a refresh token, if there is one. */
  async logOut(token: string): Promise<void> {
    await this.#database.transaction((session) => this.#end(session, token));
  }

  /** The tokens of a new session; undefined if the account has changed since its password was verified. */
  async #open(email: string, verified: User, password: string): Promise<TokenPair | undefined> {
    const newHash = isOutdated(verified.password_hash) ? await hashPassword(password) : undefined;
    return this.#database.transaction(async (session) => {
      // Read the user again: it may have been erased or disabled, or its password changed.
      const user = await lockUserIfExists(session, verified.id);
      if (user === undefined || user.disabled || user.password_hash !== verified.password_hash) return undefined;
      // Check again: other logins may have failed while the password was hashed.
      await deleteFailuresBelow(session, email, addressOf(), this.#settings.authLockoutFailures);
      await this.#refuseIfLockedOut(session, email);
      if (newHash !== undefined) await storeHash(session, user.id, newHash);
      await record(session, { action: 'user.logged_in', subject: user.id, actor: user.id });
      return this.#issueTokens(session, await this.#insertSession(session, user));
    });
  }

  async #insertSession(session: Session, user: User): Promise<LoginSession> {
    const created_at = now();
    const expires_at = new Date(created_at.getTime() + this.#settings.authRefreshTtlSeconds * 1000);
    const opened = { id: newId(), user_id: user.id, created_at, expires_at, revoked_at: null };
    await insertSession(session, opened);
    return opened;
  }

  async #issueTokens(session: Session, { id: sid, user_id: sub }: LoginSession): Promise<TokenPair> {
    const refresh_token = randomBytes(32).toString('base64url');
    await insertRefreshToken(session, refresh_token, sid);
    const iat = Math.floor(now().getTime() / 1000);
    const expires_in = this.#settings.authAccessTtlSeconds;
    const claims = { sub, sid, jti: randomBytes(8).toString('hex'), iat, exp: iat + expires_in };
    return {
      access_token: await this.#authenticator.keys.sign(claims),
      refresh_token,
      token_type: 'Bearer',
      expires_in,
    };
  }

  async #end(session: Session, token: string): Promise<void> {
    const id = await findSessionOfToken(session, token);
    if (id === undefined) return;
    await revokeSession(session, id);
    this.#authenticator.invalidateSession(session, id);
  }

  /** @throws rate_limited */
  async #refuseIfLockedOut(session: Session, email: string): Promise<void> {
    const failures = await findFailures(session, email, addressOf());
    if (failures === undefined || failures.count < this.#settings.authLockoutFailures) return;
    refuseLockedOut(failures.expires_at);
  }

  /** @throws rate_limited if others have failed meanwhile, so that this login should not have been tried */
  async #countFailure(email: string): Promise<void> {
    const { authLockoutFailures, authLockoutSeconds } = this.#settings;
    const expiresAt = new Date(now().getTime() + authLockoutSeconds * 1000);
    const count = () =>
      this.#database.transaction((session) => addFailure(session, email, addressOf(), authLockoutFailures, expiresAt));
    const lockedOutUntil = await count().catch((error: unknown) => {
      // Another process has inserted the row first, so now there is one to update.
      if (isConcurrentFailure(error)) return count();
      throw error;
    });
    if (lockedOutUntil !== undefined) refuseLockedOut(lockedOutUntil);
  }
}

function refuseLockedOut(until: Date): never {
  const retryAfter = Math.floor((until.getTime() - now().getTime()) / 1000) + 1;
  throw new ServiceError('rate_limited', 'Too many logins to this account failed', { retryAfter });
}

function addressOf(): string {
  return currentContext()?.address ?? '';
}
