/** The migrations of authentication: there are none. */
export const authMigrations = {};
