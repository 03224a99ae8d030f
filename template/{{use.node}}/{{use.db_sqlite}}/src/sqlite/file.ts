import { existsSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** A primary result code of SQLite. */
export const CANNOT_OPEN = 14;

/** An error of SQLite. The lowest 8 bits of `errcode` are its primary result code. */
export class SqliteError extends Error {
  readonly errcode: number;

  constructor(message: string, errcode: number) {
    super(message);
    this.errcode = errcode;
  }
}

/** Opens the file. @throws SqliteError if its folder does not exist */
export function openFile(file: string, { readOnly = false, foreignKeys = true } = {}): DatabaseSync {
  const folder = path.dirname(path.resolve(file));
  if (!existsSync(folder)) throw new SqliteError(`there is no folder ${folder}`, CANNOT_OPEN);
  return new DatabaseSync(file, { readOnly, enableForeignKeyConstraints: foreignKeys });
}
