/** Writes an empty migration, and adds it to the list: `node scripts/migration.ts "add customers"`. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const folder = path.join(import.meta.dirname, '../src/migrations');
const words = (process.argv[2] ?? '').toLowerCase().match(/[a-z0-9]+/g) ?? ['migration'];
const last = readdirSync(folder)
  .filter((file) => /^\d{4}_/.test(file))
  .toSorted()
  .at(-1);
const name = `${String(Number(last?.slice(0, 4) ?? 0) + 1).padStart(4, '0')}_${words.join('_')}`;
const variable = words.map((word, index) => (index === 0 ? word : word[0]?.toUpperCase() + word.slice(1))).join('');

writeFileSync(
  path.join(folder, `${name}.ts`),
  `import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.createTable('…').execute();
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('…').execute();
}
`,
);
const index = path.join(folder, 'index.ts');
const list = readFileSync(index, 'utf8')
  .replace('\n\nexport const', `\nimport * as ${variable} from './${name}.ts';\n\nexport const`)
  .replace(/\n\};/, `\n  '${name}': ${variable},\n};`);
writeFileSync(index, list);
process.stdout.write(`src/migrations/${name}.ts\n`);
