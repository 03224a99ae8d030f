/** Authenticates nobody: every request acts for the anonymous principal, which has every permission. */

import type { Principal } from '../permissions.ts';

export const ANONYMOUS: Principal = { subject: '', roles: ['admin'] };

/** The principal of a request. `authorization` is the header of that name. */
export function authenticate(_authorization: string | undefined): Promise<Principal> {
  return Promise.resolve(ANONYMOUS);
}
