/** Starts the service on an empty database, and measures creates, reads and lists. A p95 of 100 ms or more fails. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

import { callerHeaders } from './caller.ts';
import { createEmptyDatabase } from './empty-database.ts';

const SECONDS = 10;
const CLIENTS = 4;
const LIMIT_MS = 100;

const { url: DATABASE_URL, drop } = await createEmptyDatabase();
const env = {
  PATH: process.env['PATH'],
  APP_ENV: 'test',
  PORT: '0',
  RATE_LIMIT_DEFAULT: '999999999/day',
  DATABASE_URL,
};
const migration = spawn(process.execPath, ['dist/cli.js', 'migrate'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
await text(migration.stdout);
const api = spawn(process.execPath, ['dist/main.js'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
const [started] = (await once(api.stdout, 'data')) as [Buffer];
const url = /"url":"([^"]*)"/.exec(started.toString())?.[1] ?? '';
const orders = `${url}/api/v1/orders`;
// Nobody reads the lines of the requests.
api.stdout.resume();
const caller = await callerHeaders(url);

const times: Record<string, number[]> = { create: [], get: [], list: [] };
const end = performance.now() + SECONDS * 1000;
await Promise.all(Array.from({ length: CLIENTS }, (_, client) => measure(client)));
api.kill('SIGTERM');
await once(api, 'exit');
await drop();

for (const [name, all] of Object.entries(times)) {
  const sorted = all.toSorted((a, b) => a - b);
  const p95 = sorted[Math.floor(sorted.length * 0.95)] ?? Infinity;
  process.stdout.write(`${name.padEnd(7)} ${sorted.length} requests, p95 ${p95.toFixed(1)} ms\n`);
  if (p95 >= LIMIT_MS) process.exitCode = 1;
}

async function measure(client: number): Promise<void> {
  for (let number = 0; performance.now() < end; number += 1) {
    const lines = [{ sku: 'tea', quantity: 2, unit_price: '4.50' }];
    const body = JSON.stringify({ reference: `L-${client}-${number}`, currency: 'EUR', lines });
    const created = await timed('create', orders, { method: 'POST', body });
    await timed('get', `${orders}/${(created as { id: string }).id}`);
    await timed('list', orders);
  }
}

async function timed(name: string, target: string, init?: RequestInit): Promise<unknown> {
  const startedAt = performance.now();
  const response = await fetch(target, { ...init, headers: { ...caller, 'content-type': 'application/json' } });
  const body: unknown = await response.json();
  times[name]?.push(performance.now() - startedAt);
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  return body;
}
