/** The migrations of authentication. */

import * as users from '../migrations/0001_users.ts';

export const authMigrations = { '0001_users': users };
