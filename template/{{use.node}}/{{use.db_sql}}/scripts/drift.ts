/**
 * Checks that migrations and code describe the same tables: migrates an empty database, writes down its columns as a
 * type, and lets the compiler prove that this type equals `Tables`.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { readSettings } from '../src/config/index.ts';
import { createMigrationDatabase } from '../src/dialect.ts';
import { migrateUp } from '../src/migrate.ts';
import { createEmptyDatabase } from './empty-database.ts';

/** The types of values, by the declared types of columns. */
const TYPES: Record<string, string> = {
  bigint: 'bigint',
  bool: 'boolean',
  boolean: 'boolean',
  char: 'string',
  datetime: 'Date',
  int: 'number',
  int4: 'number',
  int8: 'bigint',
  integer: 'number',
  longtext: 'string',
  money: 'bigint',
  text: 'string',
  timestamp: 'Date',
  timestamptz: 'Date',
  tinyint: 'boolean',
  uuid: 'string',
  varchar: 'string',
};

// Inside the project, so that imports are resolved as everywhere.
const folder = mkdtempSync(path.join(import.meta.dirname, '.drift-'));
const { url, drop } = await createEmptyDatabase();
try {
  const settings = readSettings({ APP_ENV: 'test', DATABASE_URL: url });
  await migrateUp(settings);
  writeFileSync(path.join(folder, 'drift.ts'), await proof());
  const config = { extends: '../../tsconfig.json', include: ['drift.ts'] };
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config));
  execFileSync('npx', ['tsc', '-p', folder], { stdio: 'inherit' });

  async function proof(): Promise<string> {
    await using db = createMigrationDatabase(settings);
    const tables = (await db.introspection.getTables()).map(({ name, columns }) => {
      const fields = columns.map(({ name: field, dataType, isNullable }) => {
        const type = TYPES[dataType.toLowerCase().replace(/\(.*/, '')] ?? `'unknown type ${dataType}'`;
        return `${field}: ${type}${isNullable ? ' | null' : ''};`;
      });
      return `  ${name}: { ${fields.join(' ')} };`;
    });
    return `import type { Tables } from '../../src/tables.ts';

interface Migrated {
${tables.join('\n')}
}
/** A column that holds some texts only is a text for the database. */
type Widened<T> = T extends string ? string : T;
type Columns<T> = { [Table in keyof T]: { [Column in keyof T[Table]]: Widened<T[Table][Column]> } };
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never;

export const same: Equal<Columns<Migrated>, Columns<Tables>> = true;
`;
  }
} catch {
  process.stderr.write('error: the migrations and the types in tables.ts differ\n');
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
  await drop();
}
