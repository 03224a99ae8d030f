import { sql } from 'kysely';
import { expect, test } from 'vitest';

import { newId } from '../../src/clock.ts';
import { isOlder } from '../../src/keyset.ts';
import { openDatabase } from '../services.ts';

test('an index finds the first row of a later page', async () => {
  const database = await openDatabase();
  const order = { owner: '', currency: 'EUR', status: 'placed' as const, note: null, version: 1 };
  const orders = Array.from({ length: 2000 }, (_, number) => {
    const created_at = new Date(number * 1000);
    return { ...order, id: newId(), reference: `A-${number}`, created_at, updated_at: created_at };
  });
  await database.transaction(({ db }) => db.insertInto('orders').values(orders).execute());
  await database.read(({ db }) => sql`analyze table orders`.execute(db));

  const isLater = isOlder('orders', { created_at: new Date(1_000_000), id: newId() });
  const plan = sql<{ type: string }>`explain select id from orders where ${isLater}
    order by created_at desc, id desc limit 21`;
  const { rows } = await database.read(({ db }) => plan.execute(db));
  expect(rows.map(({ type }) => type)).toEqual(['range']);
});
