/** Migrates the schema with Kysely. The migrations are the files of the folder `migrations`. */

import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { FileMigrationProvider, Migrator, type MigrationResultSet, NO_MIGRATIONS } from 'kysely/migration';

import type { Settings } from './config/index.ts';
import { createMigrationDatabase } from './dialect.ts';

/** All files of the folder. Migrations run in the order of their names. */
export const MIGRATIONS = new FileMigrationProvider({
  fs: { readdir },
  path,
  migrationFolder: path.join(import.meta.dirname, 'migrations'),
  import: (file) => import(pathToFileURL(file).href),
});

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
  const { error, results = [] } = await migrate(new Migrator({ db, provider: MIGRATIONS }));
  if (error !== undefined) throw error;
  return results.map((result) => result.migrationName);
}
