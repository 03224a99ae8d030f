/** Authenticates nobody: every request acts for the anonymous principal, which has every permission. */

import type { Settings } from '../config/index.ts';
import type { Database } from '../database.ts';
import type { ServiceError } from '../errors.ts';
import type { Principal } from '../permissions.ts';
import type { Budgets } from '../web/rate-limiter.ts';

export const ANONYMOUS: Principal = { subject: '', roles: ['admin'] };

/** The paths of authentication that need no principal: there are none. */
export const PUBLIC_PATHS: readonly string[] = [];

export interface Authenticator {
  /** The principal of a request, or why there is none. `authorization` is the header of that name. */
  authenticate(authorization: string | undefined): Promise<Principal | ServiceError>;
}

export function createAuthenticator(_settings: Settings, _database: Database): Authenticator {
  return { authenticate: () => Promise.resolve(ANONYMOUS) };
}

/** The rate limits of single routes: there are none. */
export function budgetsOf(_settings: Settings): Budgets {
  return {};
}
