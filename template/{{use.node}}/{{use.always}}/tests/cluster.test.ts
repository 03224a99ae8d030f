/** A cluster, whose processes are killed and replaced under load. */

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect, onTestFinished, test, vi } from 'vitest';

import { readSettings } from '../src/config/index.ts';
import { migrateUp } from '../src/migrate.ts';
import { CLUSTER } from './app.ts';
import { emptyDatabase } from './databases.ts';
import { freePort } from './ports.ts';
import { SECRETS } from './secrets.ts';

vi.setConfig({ testTimeout: 180_000 });

/** Half of the clients keep their connection; the others open one for each request. */
const CLIENTS = 4;
/** The name of the error of a request that gets no response. */
const TIMEOUT = 'AbortError';

test('a process that is killed is restarted, and no requests fail but those that it was answering', async () => {
  const cluster = await Cluster.start();
  const load = new Load(cluster.url);
  await load.answered(20);
  cluster.kill(cluster.pids()[0]);
  await cluster.prints('process died');
  await cluster.starts(3);
  await load.answered(20);
  const failures = await load.stop();
  expect(failures.length).toBeLessThanOrEqual(CLIENTS);
  expect(failures.filter((failure) => failure.includes(TIMEOUT))).toEqual([]);
  expect(await cluster.stop()).toBe(0);
});

test('SIGHUP replaces all processes, and no request fails', async () => {
  const cluster = await Cluster.start();
  const load = new Load(cluster.url);
  await load.answered(20);
  cluster.child.kill('SIGHUP');
  await cluster.prints('processes replaced');
  await load.answered(20);
  expect(await load.stop()).toEqual([]);
  const [first = 0, second = 0, ...later] = cluster.pids();
  expect(later).toHaveLength(2);
  expect([first, second].some(isRunning)).toBe(false);
  expect(await cluster.stop()).toBe(0);
});

test('SIGTERM stops all processes with 0, and requests in flight are answered', async () => {
  const cluster = await Cluster.start({ SHUTDOWN_DELAY_SECONDS: '2' });
  const load = new Load(cluster.url);
  await load.answered(20);
  const stopped = cluster.stop();
  // New connections are accepted during the delay, and refused later.
  await sleep(250);
  expect(await load.stop()).toEqual([]);
  expect(await stopped).toBe(0);
  expect(cluster.pids().some(isRunning)).toBe(false);
});

test('a second signal ends all processes at once', async () => {
  const cluster = await Cluster.start({ SHUTDOWN_DELAY_SECONDS: '10' });
  cluster.child.kill('SIGTERM');
  await sleep(500);
  expect(await cluster.stop()).toBe(128 + 15);
  await cluster.refuses();
});

test('the primary serves the metrics of all processes', async () => {
  const cluster = await Cluster.start();
  const load = new Load(cluster.url);
  await load.answered(20);
  await load.stop();
  const metrics = await (await fetch(`http://127.0.0.1:${cluster.metricsPort}/metrics`)).text();
  const labels = 'method="GET",route="/problems/:code",status="200"';
  expect(metrics).toContain(`http_server_request_duration_seconds_count{${labels}} ${load.count}\n`);
  expect(metrics).toMatch(/^build_info\{version="[^"]+"\} 1$/m);
  expect((await fetch(`${cluster.url}/metrics`)).status).toBe(404);
});

test('new processes that do not start replace no others, and are not started in a tight loop', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'cluster-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'bytes');
  writeFileSync(file, '1000000');
  const cluster = await Cluster.start({ MAX_BODY_BYTES_FILE: file });

  writeFileSync(file, 'many');
  cluster.child.kill('SIGHUP');
  await cluster.prints('a new process did not start');
  expect(cluster.pids().every(isRunning)).toBe(true);

  cluster.kill(cluster.pids()[0]);
  await cluster.prints('process died');
  const failures = cluster.errors();
  await sleep(3000);
  // After pauses of 0.25, 0.5, 1 and 2 seconds.
  expect(cluster.errors() - failures).toBeLessThanOrEqual(4);
  expect((await fetch(`${cluster.url}/livez`)).status).toBe(200);

  writeFileSync(file, '1000000');
  await cluster.starts(3);
});

test.each([
  [{ WORKERS: 'all' }, 78, 'error: WORKERS: must be an integer, from 1 to 1024\n'],
  [{ PORT: 'eighty' }, 78, 'error: PORT: must be an integer, from 0 to 65535\n'],
])('%o ends the start with %d, and is reported once', async (wrong, code, line) => {
  const cluster = await Cluster.spawn(wrong);
  expect(await cluster.exitCode()).toBe(code);
  expect(cluster.stderr).toBe(line);
});

test('a port that is taken is reported once', async () => {
  const server = createServer();
  const port = await portOf(server);
  onTestFinished(() => void server.close());
  const cluster = await Cluster.spawn({ PORT: String(port) });
  expect(await cluster.exitCode()).toBe(1);
  expect(cluster.stderr.match(/^error: /gm)).toHaveLength(1);
  expect(cluster.stderr).toContain(`error: cannot listen on port ${port}: EADDRINUSE\n\nhint: `);
});

class Cluster {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly metricsPort: number;
  stdout = '';
  stderr = '';

  private constructor(env: NodeJS.ProcessEnv, metricsPort: number) {
    this.child = spawn(process.execPath, [CLUSTER], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.metricsPort = metricsPort;
    this.child.stdout.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.child.stderr.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
  }

  static async spawn(variables: NodeJS.ProcessEnv = {}): Promise<Cluster> {
    const { PATH } = process.env;
    const metricsPort = await freePort();
    const env = {
      PATH,
      APP_ENV: 'test',
      PORT: '0',
      WORKERS: '2',
      METRICS_PORT: String(metricsPort),
      EMBEDDED_WORKER: 'true',
      RATE_LIMIT_DEFAULT: '999999999/day',
      SHUTDOWN_DELAY_SECONDS: '0',
      ...SECRETS,
      ...(await emptyDatabase()),
      ...variables,
    };
    await migrateUp(readSettings({ DATABASE_URL: env.DATABASE_URL }));
    const cluster = new Cluster(env, metricsPort);
    onTestFinished(async () => {
      // The other processes end when they lose the primary.
      cluster.child.kill('SIGKILL');
      await cluster.exitCode();
      if (cluster.url !== '') await cluster.refuses();
    });
    return cluster;
  }

  static async start(variables: NodeJS.ProcessEnv = {}): Promise<Cluster> {
    const cluster = await Cluster.spawn(variables);
    await cluster.prints('cluster started');
    return cluster;
  }

  get url(): string {
    return /"url":"([^"]*)"/.exec(this.stdout)?.[1] ?? '';
  }

  /** Those of the processes that serve, also of ended ones, the oldest first. */
  pids(): number[] {
    return Array.from(this.stdout.matchAll(/"pid":(\d+),"event":"process started"/g), ([, pid]) => Number(pid));
  }

  /** The number of problems that were reported. */
  errors(): number {
    return this.stderr.split('error: ').length - 1;
  }

  kill(pid = 0): void {
    expect(pid).not.toBe(0);
    process.kill(pid, 'SIGKILL');
  }

  async prints(awaited: string): Promise<void> {
    await expect.poll(() => this.stdout, { timeout: 60_000 }).toContain(awaited);
  }

  /** Wait until this many processes were started, counted from the beginning. */
  async starts(count: number): Promise<void> {
    await expect.poll(() => this.pids(), { timeout: 60_000 }).toHaveLength(count);
  }

  /** Wait until nothing listens there any more. */
  async refuses(): Promise<void> {
    const answered = (): Promise<boolean> =>
      fetch(`${this.url}/livez`).then(
        () => true,
        () => false,
      );
    await expect.poll(answered, { timeout: 60_000 }).toBe(false);
  }

  stop(): Promise<number | null> {
    this.child.kill('SIGTERM');
    return this.exitCode();
  }

  async exitCode(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'close');
    return this.child.exitCode;
  }
}

/** Clients that read a page, one request after the other. */
class Load {
  /** The number of answers. */
  count = 0;
  readonly #failures: string[] = [];
  readonly #stopping = new AbortController();
  readonly #clients: Promise<void>[];

  constructor(url: string) {
    this.#clients = Array.from({ length: CLIENTS }, (_, client) =>
      this.#run(`${url}/problems/conflict`, client % 2 === 0),
    );
  }

  /** Wait until this many more requests are answered. */
  async answered(more: number): Promise<void> {
    const { count } = this;
    await expect.poll(() => this.count, { timeout: 60_000 }).toBeGreaterThanOrEqual(count + more);
  }

  /** Returns what went wrong. */
  async stop(): Promise<string[]> {
    this.#stopping.abort();
    await Promise.all(this.#clients);
    return this.#failures;
  }

  async #run(url: string, keepAlive: boolean): Promise<void> {
    const agent = new Agent({ keepAlive, maxSockets: 1 });
    while (!this.#stopping.signal.aborted) {
      try {
        const status = await statusOf(url, agent);
        if (status === 200) this.count += 1;
        else this.#failures.push(String(status));
      } catch (error) {
        this.#failures.push(String(error));
      }
    }
    agent.destroy();
  }
}

async function statusOf(url: string, agent: Agent): Promise<number | undefined> {
  const sent = get(url, { agent, signal: AbortSignal.timeout(20_000) });
  const [response] = (await once(sent, 'response')) as [Readable & { statusCode?: number }];
  await once(response.resume(), 'end');
  return response.statusCode;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function portOf(server: ReturnType<typeof createServer>): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}
