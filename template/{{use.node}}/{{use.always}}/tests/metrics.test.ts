import { expect, test } from 'vitest';

import { serveMetrics } from '../src/metrics.ts';
import { freePort } from './ports.ts';
import { testSettings } from './services.ts';

test('metrics are served on their own port alone, until they are stopped', async () => {
  const port = await freePort();
  const stop = await serveMetrics(await testSettings({ METRICS_PORT: String(port) }));
  const url = `http://127.0.0.1:${port}`;
  expect(await (await fetch(`${url}/metrics`)).text()).toContain('build_info{');
  expect((await fetch(`${url}/livez`)).status).toBe(404);

  stop();
  await expect(fetch(`${url}/metrics`)).rejects.toThrow('fetch failed');
});

test('without a port of their own, nothing listens', async () => {
  const stop = await serveMetrics(await testSettings());
  expect(stop()).toBeUndefined();
});
