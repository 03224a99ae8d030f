import { expect, test } from 'vitest';

import { readSettings } from '../../src/config/index.ts';
import { migrateUp } from '../../src/migrate.ts';
import { emptyDatabase, NOWHERE } from '../databases.ts';
import { startApp } from '../services.ts';
import { amend, get, ORDERS, place } from './orders.ts';

test('callers read their own writes, and only a list may lack them', async () => {
  // A second database stands in for a replica that lacks all changes.
  const { DATABASE_URL } = await emptyDatabase();
  await migrateUp(readSettings({ DATABASE_URL }));
  const app = await startApp({ DATABASE_REPLICA_URL: DATABASE_URL });
  const placed = await place(app);

  const found = await get(app, placed.id);
  expect(found.json()).toEqual(placed);
  const amended = await amend(app, placed.id, { note: 'new' }, String(found.headers['etag']));
  const { etag = '' } = found.headers;
  expect((await get(app, placed.id, { 'if-none-match': etag })).json()).toEqual(amended.json());
  expect((await app.inject(ORDERS)).json()).toMatchObject({ data: [] });
});

test('without its replica a list has all changes', async () => {
  const app = await startApp({ DATABASE_REPLICA_URL: NOWHERE });
  const placed = await place(app);
  expect((await app.inject(ORDERS)).json()).toMatchObject({ data: [placed] });
});
