import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { backup, restore } from '../src/backups.ts';
import { newId } from '../src/clock.ts';
import type { Settings } from '../src/config/index.ts';
import { Database } from '../src/database.ts';
import { migrateUp } from '../src/migrate.ts';
import { openDatabase, testSettings } from './services.ts';

test('a call after the commit is dropped by a rollback', async () => {
  const database = await openDatabase();
  const calls: string[] = [];
  await database.transaction((session) => {
    session.afterCommit(() => void calls.push('committed'));
    return Promise.resolve();
  });
  const failing = database.transaction((session) => {
    session.afterCommit(() => void calls.push('rolled back'));
    return Promise.reject(new Error('no'));
  });
  await expect(failing).rejects.toThrow('no');
  expect(calls).toEqual(['committed']);
  await expect(database.read((session) => Promise.resolve(session.afterCommit(() => undefined)))).rejects.toThrow(
    'a read has no commit',
  );
});

test('a backup has all rows, and can be restored', async () => {
  const settings = await testSettings();
  await migrateUp(settings);
  const folder = mkdtempSync(path.join(tmpdir(), 'backup-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'saved');
  await storeOne(settings);
  await backup(settings, file);

  expect(await storeOne(settings)).toBe(2);
  await restore(settings, file);
  expect(await storeOne(settings)).toBe(2);
});

/** Returns the number of rows afterwards. */
async function storeOne(settings: Settings): Promise<number> {
  const database = new Database(settings);
  const job = { name: newId(), due_at: new Date() };
  await database.transaction(({ db }) => db.insertInto('scheduled_jobs').values(job).execute());
  const jobs = await database.read(({ db }) => db.selectFrom('scheduled_jobs').select('name').execute());
  await database.close();
  return jobs.length;
}
