import { expect, test } from 'vitest';

import { Health } from '../../src/health.ts';
import { serveMetrics } from '../../src/metrics.ts';
import { PROBLEMS } from '../../src/problems.ts';
import { createApp } from '../app.ts';
import { startApp, testSettings } from '../services.ts';

test('the process is live and ready', async () => {
  const app = await startApp();
  expect((await app.inject('/livez')).json()).toEqual({ status: 'ok' });
  expect((await app.inject('/readyz')).json()).toMatchObject({ status: 'ok', checks: { database: { status: 'ok' } } });
});

test('a process that drains is not ready, and closes its connections', async () => {
  const app = await startApp();
  app.drain();
  const response = await app.inject('/readyz');
  expect(response.json()).toMatchObject({ status: 'unavailable', checks: { database: { status: 'ok' } } });
  expect(response.headers['connection']).toBe('close');
});

test('a database that was never migrated is not ready', async () => {
  const app = await createApp(await testSettings());
  const response = await app.inject('/readyz');
  expect([response.statusCode, response.json<{ status: string }>().status]).toEqual([503, 'unavailable']);
  await app.close();
});

test('without an optional dependency, the service is degraded', async () => {
  const health = new Health([
    { name: 'database', required: true, ping: () => Promise.resolve() },
    { name: 'cache', required: false, ping: () => Promise.reject(new Error('down')) },
  ]);
  expect(await health.readiness(false)).toMatchObject({
    status: 'degraded',
    checks: { cache: { status: 'unavailable' } },
  });
});

test('probes share one check for a second', async () => {
  let count = 0;
  const ping = (): Promise<void> => {
    count += 1;
    return Promise.resolve();
  };
  const health = new Health([{ name: 'database', required: true, ping }]);
  await Promise.all([health.readiness(false), health.readiness(false)]);
  await health.readiness(false);
  expect(count).toBe(1);
});

test('metrics have the template of a route, never its path', async () => {
  const app = await startApp();
  await app.inject('/strange/path');
  await app.inject('/problems/strange');
  const { body } = await app.inject('/metrics');
  expect(body).toContain('route="unmatched"');
  expect(body).toContain('route="/problems/:code"');
  expect(body).toContain('db_pool_connections{state="idle"}');
  expect(body).toContain('build_info{');
  expect(body).not.toContain('strange');
});

test('metrics that cannot be collected are unavailable, and not empty', async () => {
  const settings = await testSettings({ METRICS_PORT: '19465' });
  const stop = await serveMetrics(settings, () => Promise.reject(new Error('no answer')));
  expect((await fetch('http://127.0.0.1:19465/metrics')).status).toBe(503);
  expect((await fetch('http://127.0.0.1:19465/other')).status).toBe(404);
  stop();
});

test('every error code has a description', async () => {
  const app = await startApp();
  for (const code of Object.keys(PROBLEMS)) {
    expect((await app.inject(`/problems/${code}`)).json()).toMatchObject({ code });
  }
  expect((await app.inject('/problems/nothing')).statusCode).toBe(404);
});

test('the API document names its schemas, and the page shows it', async () => {
  const app = await startApp();
  const document = (await app.inject('/openapi.json')).json<{ openapi: string; components: { schemas: object } }>();
  expect(document.openapi).toBe('3.1.0');
  expect(Object.keys(document.components.schemas)).toContain('Problem');
  const page = await app.inject('/docs');
  expect(page.headers['content-type']).toContain('text/html');
});
