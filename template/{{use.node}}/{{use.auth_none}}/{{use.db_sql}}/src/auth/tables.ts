/** The tables of authentication: there are none. */
export type AuthTables = Record<never, never>;
