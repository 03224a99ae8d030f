/**
 * Removes the orders, their tables, the code that uses them, and this script: `make remove-example`. Run it in a clean
 * work tree. It first does all that can fail, so that it changes nothing if it refuses.
 */

import { existsSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

import { type Kysely, sql } from 'kysely';

import { settingsOrExit } from '../src/config/index.ts';
import { createMigrationDatabase } from '../src/dialect.ts';
import * as orders from '../src/migrations/0002_orders.ts';

const REMOVED = ['src/orders', 'tests/orders', 'src/migrations/0002_orders.ts', 'scripts/remove-example.ts'];

const EDITS: [file: string, pattern: RegExp, replacement: string][] = [
  ['src/app.ts', /^import .* from '\.\/orders\/.*\n/gm, ''],
  ['src/app.ts', /^ {2}orderData,\n/gm, ''],
  ['src/app.ts', /^.*'\/api\/v1\/orders'.*\n/gm, ''],
  ['src/app.module.ts', /^import .* from '\.\/orders\/.*\n|^ +OrdersModule,\n/gm, ''],
  ['src/personal-data.module.ts', /^import .* from '\.\/orders\/.*\n|^ +orderData\(orders\),\n/gm, ''],
  ['src/personal-data.module.ts', /^ +(imports|inject): \[Orders\w+\],\n|orders: OrdersRepository/gm, ''],
  ['src/cli.ts', /^import .* from '\.\/orders\/.*\n/gm, ''],
  ['src/cli.ts', /const { owner, lines }/g, 'const { lines }'],
  ['src/cli.ts', /\[\.\.\.lines, await seedOrders\(database, owner\)\]/g, 'lines'],
  ['src/cli.ts', /selectFrom\("orders"\)/g, 'selectFrom("scheduled_jobs")'],
  ['src/subscriptions.ts', /^import .* from '\.\/orders\/.*\n/gm, ''],
  ['src/subscriptions.ts', /^import { dataSchema } .*\n/gm, ''],
  ['src/subscriptions.ts', /^ {2}'order\.placed': .*\n/gm, ''],
  ['src/subscriptions.ts', /{ BatchHandler, type DataSchemas, type Handlers }/g, 'type { DataSchemas, Handlers }'],
  ['src/tables.ts', /^import .* from '\.\/orders\/.*\n|, OrderTables\b/gm, ''],
  ['src/permissions.ts', /'orders:\w+'( \| |, )?/g, ''],
  ['src/permissions.ts', /new Set\(\[\]\)/g, 'new Set()'],
  ['src/migrations/index.ts', /^.*0002_orders.*\n/gm, ''],
  ['tests/auth/protection.test.ts', /^ {2}'\w+ \/api\/v1\/orders.*\n/gm, ''],
  ['.oxlintrc.json', /^ +"src\/orders\/\*\*",\n/gm, ''],
  ['Makefile', / remove-example$|^remove-example: .*\n(\t.*\n)+/gm, ''],
  ['README.md', /^`make remove-example` removes .*\n/gm, ''],
];

const USES =
  /\/orders\/|'order(s|_lines)?[.:']|\b(from|into|update|table) orders\b|\b(ORDERS|newOrder)\b|\/v1\/orders|0002_orders/;

const settings = settingsOrExit();
if (settings.isProduction)
  fail('this would delete the orders of production', 'run it in a checkout, on a local database');
const edited = editedFiles();
const uses = linesUsingOrders(edited);
if (uses.length > 0) {
  fail(`these lines still use orders\n${uses.join('\n')}`, 'remove them by hand; nothing was changed');
}
const hadTables = await dropTables();
for (const [file, text] of edited) writeFileSync(file, text);
for (const path of REMOVED) rmSync(path, { recursive: true, force: true });
const tables = hadTables ? 'so are their tables' : 'the database had no tables of them';
process.stdout.write(`The orders are gone, and ${tables}.\n`);
process.stdout.write('These still describe orders: README.md AGENTS.md docs/ scripts/load.ts\n');

/** The new texts of the files that name orders. */
function editedFiles(): Map<string, string> {
  const texts = new Map<string, string>();
  for (const [file, pattern, replacement] of EDITS) {
    if (!existsSync(file)) continue;
    const text = texts.get(file) ?? readFileSync(file, 'utf8');
    texts.set(file, text.replace(pattern, replacement));
  }
  return texts;
}

/** The lines of the code that would be left, and that use orders. */
function linesUsingOrders(texts: Map<string, string>): string[] {
  const files = globSync('{src,tests}/**/*.ts').toSorted();
  const kept = files.filter((file) => !REMOVED.some((path) => file === path || file.startsWith(`${path}/`)));
  return kept.flatMap((file) => {
    const lines = (texts.get(file) ?? readFileSync(file, 'utf8')).split('\n');
    return lines.flatMap((line, index) => (USES.test(line) ? `${file}:${index + 1}: ${line.trim()}` : []));
  });
}

/**
 * Drop the tables, and forget their migration. Later migrations stay applied, since none of them uses orders. False if
 * the migration never ran on the database.
 */
async function dropTables(): Promise<boolean> {
  await using db = createMigrationDatabase(settings);
  try {
    return await db.transaction().execute(async (transaction) => {
      if (!(await isMigrated(transaction))) return false;
      await orders.down(transaction);
      await sql`delete from kysely_migration where name = '0002_orders'`.execute(transaction);
      return true;
    });
  } catch (error) {
    return fail(
      `the tables were not dropped: ${error instanceof Error ? error.message : String(error)}`,
      'start the database, or correct DATABASE_URL',
    );
  }
}

async function isMigrated(db: Kysely<unknown>): Promise<boolean> {
  const known = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!known.some(({ name }) => name === 'kysely_migration')) return false;
  const { rows } = await sql`select name from kysely_migration where name = '0002_orders'`.execute(db);
  return rows.length > 0;
}

function fail(message: string, hint: string): never {
  process.stderr.write(`error: ${message}\n\nhint: ${hint}\n`);
  process.exit(1);
}
