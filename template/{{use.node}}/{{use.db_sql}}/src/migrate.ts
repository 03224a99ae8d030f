/** Migrates the schema with Kysely. The migrations are in the folder `migrations`. */

import { Migrator, type MigrationResultSet, NO_MIGRATIONS } from 'kysely/migration';

import type { Settings } from './config/index.ts';
import { createMigrationDatabase } from './dialect.ts';
import { MIGRATIONS } from './migrations/index.ts';

/** Migrate the database to the newest version of the schema. Returns the names of the migrations that ran. */
export async function migrateUp(settings: Settings): Promise<string[]> {
  return run(settings, (migrator) => migrator.migrateToLatest());
}

/** Undo all migrations, which deletes all rows. */
export async function migrateDown(settings: Settings): Promise<string[]> {
  return run(settings, (migrator) => migrator.migrateTo(NO_MIGRATIONS));
}

/** Undo the newest migration. */
export async function rollback(settings: Settings): Promise<string[]> {
  return run(settings, (migrator) => migrator.migrateDown());
}

async function run(
  settings: Settings,
  migrate: (migrator: Migrator) => Promise<MigrationResultSet>,
): Promise<string[]> {
  await using db = createMigrationDatabase(settings);
  const provider = { getMigrations: () => Promise.resolve(MIGRATIONS) };
  const { error, results = [] } = await migrate(new Migrator({ db, provider }));
  if (error !== undefined) throw error;
  return results.map((result) => result.migrationName);
}
