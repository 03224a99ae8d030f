/** Backups of the database file. */

import { backup as copy } from 'node:sqlite';

import type { Settings } from './config/index.ts';
import { openFile } from './sqlite/file.ts';

/** Save the database in a file. Others may write meanwhile: the backup has the rows of one moment. */
export async function backup({ databaseFile }: Settings, file: string): Promise<void> {
  await copyDatabase(databaseFile, file);
  // So that the backup is one file: in WAL mode, there are two more beside it.
  const saved = openFile(file);
  saved.exec('pragma journal_mode = delete');
  saved.close();
}

/** Replace the database by a backup, in one transaction. */
export async function restore({ databaseFile }: Settings, file: string): Promise<void> {
  await copyDatabase(file, databaseFile);
}

async function copyDatabase(from: string, to: string): Promise<void> {
  const source = openFile(from, { readOnly: true });
  try {
    await copy(source, to);
  } finally {
    source.close();
  }
}
