/** The tables of authentication: there are none. */
export type AuthTables = object;
