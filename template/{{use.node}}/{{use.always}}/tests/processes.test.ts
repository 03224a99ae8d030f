import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';

import { expect, onTestFinished, test } from 'vitest';

import { emptyDatabase } from './databases.ts';
import { freePort } from './ports.ts';
import { API, CLI, exitCode, start, urlOf, waitFor, WORKER } from './processes.ts';

test('SIGTERM ends the API with 0', async () => {
  const api = await start(API);
  await urlOf(api);
  api.kill('SIGTERM');
  expect(await exitCode(api)).toBe(0);
});

test('the worker stops on SIGINT with 0', async () => {
  const worker = await start(WORKER, { METRICS_PORT: '' });
  await waitFor(worker, 'worker started');
  worker.kill('SIGINT');
  expect(await exitCode(worker)).toBe(0);
});

test.each([
  [{ PORT: 'eighty' }, 'error: PORT: must be an integer, from 0 to 65535\n'],
  [{ APP_ENV: 'production', LOG_LEVEL: 'loud' }, 'error: LOG_LEVEL: must be debug or info or warning or error\n'],
])('%o ends the start with 78 and one line', async (wrong, line) => {
  const api = await start(API, wrong);
  expect(await text(api.stderr)).toBe(line);
  expect(await exitCode(api)).toBe(78);
});

test('a port that is taken is named', async () => {
  const first = await start(API);
  const { port } = new URL(await urlOf(first));
  const second = await start(API, { PORT: port });
  expect(await text(second.stderr)).toContain(`error: cannot listen on port ${port}: EADDRINUSE\n\nhint: `);
  expect(await exitCode(second)).toBe(1);
});

test('metrics have their own port, if one is set', async () => {
  const metricsPort = String(await freePort());
  const api = await start(API, { METRICS_PORT: metricsPort });
  const url = await urlOf(api);
  expect((await fetch(`${url}/metrics`)).status).toBe(404);
  const metrics = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
  expect(await metrics.text()).toContain('build_info');
  expect((await fetch(`http://127.0.0.1:${metricsPort}/other`)).status).toBe(404);
});

test.each([
  [['seed'], 'error: the database is not migrated: run the command `migrate` first\n'],
  [['restore', '/no/such/file', '--yes'], 'error: there is no file /no/such/file\n'],
])('the command %j reports what is wrong in one line', async (command, line) => {
  const cli = await start(CLI, {}, command);
  expect(await text(cli.stderr)).toBe(line);
  expect(await exitCode(cli)).toBe(1);
});

test('commands migrate, empty and save the database', async () => {
  const database = await emptyDatabase();
  const run = async (...command: string[]): Promise<string> => {
    const cli = await start(CLI, database, command);
    return (await Promise.all([text(cli.stdout), text(cli.stderr)])).join('');
  };
  expect(await run('migrate')).toContain('Applied 0001_platform\n');
  const seeded = await run('seed');
  expect(seeded).not.toContain('error');
  expect(await run('reset', '--yes')).toBe(seeded);
  const folder = mkdtempSync(path.join(tmpdir(), 'backup-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'saved');
  expect(await run('backup', file)).toBe('');
  expect(await run('backup', file)).toContain('exists');
  expect(await run('restore', file, '--yes')).toBe('');
  expect(await run('rollback', '--yes')).toContain('Undid ');
  expect(await run('help')).toContain('Usage: ');
  expect(await run('seed', '--unknown')).toMatch(/^error: .*--unknown/);
});
