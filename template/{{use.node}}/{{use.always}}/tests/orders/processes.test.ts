import { text } from 'node:stream/consumers';

import { expect, test } from 'vitest';

import { callerHeaders } from '../../scripts/caller.ts';
import { readSettings } from '../../src/config/index.ts';
import { migrateUp } from '../../src/migrate.ts';
import { emptyDatabase } from '../databases.ts';
import { API, CLI, exitCode, start, urlOf } from '../processes.ts';
import { newOrder, ORDERS } from './orders.ts';

test('no acknowledged order is lost when the API ends', async () => {
  const database = await emptyDatabase();
  await migrateUp(readSettings(database));
  const api = await start(API, database);
  const url = await urlOf(api);
  const headers = { 'content-type': 'application/json', ...(await callerHeaders(url)) };
  const created = await fetch(url + ORDERS, { method: 'POST', body: JSON.stringify(newOrder()), headers });
  expect(created.status).toBe(201);
  api.kill('SIGTERM');
  expect(await exitCode(api)).toBe(0);

  const restarted = await urlOf(await start(API, database));
  const found = await fetch(restarted + String(created.headers.get('location')), { headers });
  expect(await found.json()).toEqual(await created.json());
});

test('the example data has orders', async () => {
  const database = await emptyDatabase();
  await migrateUp(readSettings(database));
  const cli = await start(CLI, database, ['seed']);
  expect(await text(cli.stdout)).toContain('Placed 25 orders\n');
});
