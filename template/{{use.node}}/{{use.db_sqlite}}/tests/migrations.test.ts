import { DatabaseSync } from 'node:sqlite';

import { expect, test } from 'vitest';

import { migrateDown, migrateUp, rollback } from '../src/migrate.ts';
import { MIGRATIONS } from '../src/migrations/index.ts';
import { testSettings } from './services.ts';

test('migrations go up, down and up again, and leave nothing', async () => {
  const settings = testSettings();
  const names = Object.keys(MIGRATIONS);
  expect(await migrateUp(settings)).toEqual(names);
  const schema = tables(settings.databaseFile);
  expect(schema).toContain('orders');

  expect(await migrateDown(settings)).toEqual(names.toReversed());
  expect(tables(settings.databaseFile)).toEqual([]);
  expect(await migrateUp(settings)).toEqual(names);
  expect(tables(settings.databaseFile)).toEqual(schema);
});

test('a migration that ran is not run again, and the newest can be undone', async () => {
  const settings = testSettings();
  await migrateUp(settings);
  expect(await migrateUp(settings)).toEqual([]);
  expect(await rollback(settings)).toEqual(Object.keys(MIGRATIONS).slice(-1));
});

function tables(file: string): string[] {
  const database = new DatabaseSync(file);
  const rows = database
    .prepare("select name from sqlite_schema where name not like 'kysely%' and name not like 'sqlite%' order by name")
    .all();
  database.close();
  return rows.map((row) => String(row['name']));
}
