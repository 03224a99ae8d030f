/** All tables of the database, as Kysely sees them. Each feature declares its own; `make check` compares them. */

import type { AuthTables } from './auth/tables.ts';
import type { IdempotencyTables } from './idempotency/tables.ts';
import type { JobTables } from './jobs/tables.ts';
import type { MessageTables } from './messaging/tables.ts';
import type { OrderTables } from './orders/tables.ts';

export interface Tables extends AuthTables, IdempotencyTables, JobTables, MessageTables, OrderTables {}
