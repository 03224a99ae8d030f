/** The migrations in their order. Imported one by one, so that the compiled service needs no folder to search. */

import type { Migration } from 'kysely/migration';

import { messagingMigrations } from '../messaging/migrations.ts';
import * as platform from './0001_platform.ts';
import * as orders from './0002_orders.ts';

export const MIGRATIONS: Record<string, Migration> = {
  '0001_platform': platform,
  '0002_orders': orders,
  ...messagingMigrations,
};
