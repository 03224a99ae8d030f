import type { SessionTables } from './sessions/tables.ts';
import type { UserTables } from './users/tables.ts';

export type AuthTables = UserTables & SessionTables;
