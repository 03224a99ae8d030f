import { expect, test } from 'vitest';

import { createApp } from '../app.ts';
import { asStranger } from '../callers.ts';
import { NOWHERE } from '../databases.ts';
import { testSettings } from '../services.ts';
import { ORDERS } from './orders.ts';

test('a database that does not answer gives 503', async () => {
  const app = await createApp(await testSettings({ DATABASE_URL: NOWHERE }));
  const response = await (await asStranger(app)).inject(ORDERS);
  expect(response.json()).toMatchObject({ status: 503, code: 'unavailable' });
  expect(response.headers['retry-after']).toBe('1');
  await app.close();
});
