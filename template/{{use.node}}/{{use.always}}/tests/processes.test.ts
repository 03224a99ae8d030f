import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

import { expect, onTestFinished, test } from 'vitest';

import { callerHeaders } from '../scripts/caller.ts';
import { readSettings } from '../src/config/index.ts';
import { migrateUp } from '../src/migrate.ts';
import { emptyDatabase } from './databases.ts';
import { newOrder, ORDERS } from './orders/orders.ts';
import { freePort } from './ports.ts';
import { SECRETS } from './secrets.ts';

const variables = { APP_ENV: 'test', PORT: '0', SHUTDOWN_DELAY_SECONDS: '0' };

test('SIGTERM ends the API with 0, and no acknowledged order is lost', async () => {
  const database = await emptyDatabase();
  await migrateUp(readSettings(database));
  const api = await start('src/main.ts', database);
  const url = await urlOf(api);
  const created = await fetch(url + ORDERS, {
    method: 'POST',
    body: JSON.stringify(newOrder()),
    headers: { 'content-type': 'application/json', ...(await callerHeaders(url)) },
  });
  expect(created.status).toBe(201);
  await created.body?.cancel();

  api.kill('SIGTERM');
  expect(await exitCode(api)).toBe(0);
  const cli = await start('src/cli.ts', database, ['seed']);
  expect(await text(cli.stdout)).toContain('Placed 25 orders\n');
});

test('the worker stops on SIGINT with 0', async () => {
  const worker = await start('src/worker.ts', { METRICS_PORT: '' });
  await waitFor(worker, 'worker started');
  worker.kill('SIGINT');
  expect(await exitCode(worker)).toBe(0);
});

test.each([
  [{ PORT: 'eighty' }, 'error: PORT: must be an integer, from 0 to 65535\n'],
  [{ APP_ENV: 'production', LOG_LEVEL: 'loud' }, 'error: LOG_LEVEL: must be debug or info or warning or error\n'],
])('%o ends the start with 78 and one line', async (wrong, line) => {
  const api = await start('src/main.ts', wrong);
  expect(await text(api.stderr)).toBe(line);
  expect(await exitCode(api)).toBe(78);
});

test('a port that is taken is named', async () => {
  const first = await start('src/main.ts');
  const { port } = new URL(await urlOf(first));
  const second = await start('src/main.ts', { PORT: port });
  expect(await text(second.stderr)).toContain(`error: cannot listen on port ${port}: EADDRINUSE\n\nhint: `);
  expect(await exitCode(second)).toBe(1);
});

test('metrics have their own port, if one is set', async () => {
  const metricsPort = String(await freePort());
  const api = await start('src/main.ts', { METRICS_PORT: metricsPort });
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
  const cli = await start('src/cli.ts', {}, command);
  expect(await text(cli.stderr)).toBe(line);
  expect(await exitCode(cli)).toBe(1);
});

test('commands migrate, empty and save the database', async () => {
  const database = await emptyDatabase();
  const run = async (...command: string[]): Promise<string> => {
    const cli = await start('src/cli.ts', database, command);
    return (await Promise.all([text(cli.stdout), text(cli.stderr)])).join('');
  };
  expect(await run('migrate')).toContain('Applied 0001_platform\n');
  expect(await run('seed')).toContain('Placed 25 orders\n');
  expect(await run('reset', '--yes')).toContain('Placed 25 orders\n');
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

type Process = ChildProcessByStdio<null, Readable, Readable>;

async function start(script: string, extra: NodeJS.ProcessEnv = {}, args: string[] = []): Promise<Process> {
  const { PATH } = process.env;
  const database = extra['DATABASE_URL'] === undefined ? await emptyDatabase() : {};
  const env = { PATH, ...variables, ...SECRETS, ...database, ...extra };
  const child = spawn(process.execPath, [script, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

async function urlOf(api: Process): Promise<string> {
  const line = await waitFor(api, 'api started');
  return /"url":"([^"]*)"/.exec(line)?.[1] ?? '';
}

/** Wait for a text on stdout. Returns all that was printed so far. */
async function waitFor(child: Process, awaited: string): Promise<string> {
  let printed = '';
  while (!printed.includes(awaited)) {
    const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
    printed += chunk.toString();
  }
  return printed;
}

async function exitCode(child: Process): Promise<number | null> {
  if (child.exitCode === null) await once(child, 'exit');
  return child.exitCode;
}
