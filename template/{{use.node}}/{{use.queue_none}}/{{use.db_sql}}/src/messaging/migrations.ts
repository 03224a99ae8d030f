import type { Migration } from 'kysely/migration';

export const messagingMigrations: Record<string, Migration> = {};
