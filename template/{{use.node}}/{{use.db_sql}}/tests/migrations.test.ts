import { expect, test } from 'vitest';

import type { Settings } from '../src/config/index.ts';
import { createMigrationDatabase } from '../src/dialect.ts';
import { migrateDown, migrateUp, rollback } from '../src/migrate.ts';
import { MIGRATIONS } from '../src/migrations/index.ts';
import { testSettings } from './services.ts';

test('migrations go up, down and up again, and leave nothing', async () => {
  const settings = await testSettings();
  const names = Object.keys(MIGRATIONS);
  expect(await migrateUp(settings)).toEqual(names);
  const schema = await tables(settings);
  expect(schema.map((table) => table.name)).toContain('scheduled_jobs');

  expect(await migrateDown(settings)).toEqual(names.toReversed());
  expect(await tables(settings)).toEqual([]);
  expect(await migrateUp(settings)).toEqual(names);
  expect(await tables(settings)).toEqual(schema);
});

test('a migration that ran is not run again, and the newest can be undone', async () => {
  const settings = await testSettings();
  await migrateUp(settings);
  expect(await migrateUp(settings)).toEqual([]);
  expect(await rollback(settings)).toEqual(Object.keys(MIGRATIONS).slice(-1));
});

test('two processes can migrate at the same time', async () => {
  const settings = await testSettings();
  const applied = await Promise.all([migrateUp(settings), migrateUp(settings)]);
  expect(applied.flat()).toEqual(Object.keys(MIGRATIONS));
});

async function tables(settings: Settings) {
  await using db = createMigrationDatabase(settings);
  return await db.introspection.getTables();
}
