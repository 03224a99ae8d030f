import { sql } from 'kysely';

import type { Database } from '../src/database.ts';

/** The tables that contain any of these texts. */
export async function tablesWith(database: Database, texts: readonly string[]): Promise<string[]> {
  const tables = await database.read(({ db }) => db.introspection.getTables());
  const found = [];
  for (const { name } of tables) {
    const { rows } = await database.read(({ db }) => sql`select * from ${sql.table(name)}`.execute(db));
    const written = JSON.stringify(rows, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
    if (texts.some((text) => written.includes(text))) found.push(name);
  }
  return found.toSorted();
}
