/** Dump the rows of a database, or load them into an empty one: node move_rows.mjs dump|load FILE. */

import { createReadStream, createWriteStream } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';

const AT_ONCE = 500;

const { settingsOrExit } = await import(path.resolve('src/config/index.ts'));
const { createMigrationDatabase } = await import(path.resolve('src/dialect.ts'));
const { CompiledQuery } = createRequire(path.resolve('package.json'))('kysely');

const [work, file] = process.argv.slice(2);
const db = createMigrationDatabase(settingsOrExit());
if (work === 'dump') await dump();
else await load();
await db.destroy();

async function dump() {
  const output = createWriteStream(file);
  for (const { name } of await db.introspection.getTables()) {
    const rows = await db.selectFrom(name).selectAll().execute();
    for (let from = 0; from < rows.length; from += AT_ONCE) {
      output.write(`${JSON.stringify({ name, rows: rows.slice(from, from + AT_ONCE).map(encode) })}\n`);
    }
    if (rows.length > 0) console.log(rows.length, name);
  }
  await finished(output.end());
}

/** One transaction. A table whose rows refer to those of a later one is tried again after it. */
async function load() {
  await db.transaction().execute(async (transaction) => {
    let waiting = await tables();
    while (waiting.length > 0) {
      const refused = [];
      for (const name of waiting) {
        await transaction.executeQuery(CompiledQuery.raw('savepoint one_table'));
        try {
          await loadTable(transaction, name);
        } catch (error) {
          await transaction.executeQuery(CompiledQuery.raw('rollback to savepoint one_table'));
          refused.push({ name, error });
        }
      }
      if (refused.length === waiting.length) throw refused[0].error;
      waiting = refused.map(({ name }) => name);
    }
  });
}

async function tables() {
  const names = new Set();
  for await (const { name } of lines()) names.add(name);
  return [...names];
}

async function loadTable(transaction, table) {
  let count = 0;
  for await (const { name, rows } of lines()) {
    if (name !== table) continue;
    await transaction.insertInto(table).values(rows.map(decode)).execute();
    count += rows.length;
  }
  console.log(count, table);
}

async function* lines() {
  for await (const line of createInterface({ input: createReadStream(file) })) yield JSON.parse(line);
}

function encode(row) {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      if (value instanceof Date) return [name, { moment: value.toISOString() }];
      if (typeof value === 'bigint') return [name, { bigint: String(value) }];
      return [name, value];
    }),
  );
}

function decode(row) {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      if (value?.moment !== undefined) return [name, new Date(value.moment)];
      if (value?.bigint !== undefined) return [name, BigInt(value.bigint)];
      return [name, value];
    }),
  );
}
