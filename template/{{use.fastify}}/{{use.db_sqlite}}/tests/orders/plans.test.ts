import { sql } from 'kysely';
import { expect, test } from 'vitest';

import { openDatabase } from '../services.ts';

test.each([
  "where reference = 'A' and owner = ''",
  'order by created_at desc, id desc limit 20',
  "where owner = 'u' order by created_at desc, id desc limit 20",
  "where status = 'placed' order by created_at desc, id desc limit 20",
  "where (created_at, id) < ('2026', '1') order by created_at desc, id desc limit 20",
])('an index serves: %s', async (clause) => {
  const database = await openDatabase();
  const plan = await database.read(({ db }) =>
    sql<{ detail: string }>`explain query plan select * from orders ${sql.raw(clause)}`.execute(db),
  );
  const steps = plan.rows.map((row) => row.detail);
  expect(steps.join('\n')).toContain('INDEX');
  expect(steps.join('\n')).not.toContain('TEMP B-TREE');
});
