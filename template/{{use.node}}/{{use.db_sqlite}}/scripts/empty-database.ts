import path from 'node:path';

/** The variables of an empty database for a script. */
export function emptyTestDatabase(folder: string): { DATABASE_URL: string } {
  return { DATABASE_URL: `sqlite:${path.join(folder, 'empty.db')}` };
}
