/** The migrations in their order. Imported one by one, so that the compiled service needs no folder to search. */

import type { Migration } from 'kysely/migration';

import { authMigrations } from '../auth/migrations.ts';
import { messagingMigrations } from '../messaging/migrations.ts';
import * as platform from './0001_platform.ts';
import * as orders from './0002_orders.ts';

export const MIGRATIONS: Record<string, Migration> = {
  '0001_platform': platform,
  ...authMigrations,
  '0002_orders': orders,
  ...messagingMigrations,
};
