/**
 * Runs the API in several processes on one machine: `node dist/cluster.js`. Containers run `main.js`, one process in
 * each.
 *
 * The primary process serves no requests. It restarts processes that die, and serves the metrics of all. SIGHUP replaces
 * the processes one by one; SIGTERM and SIGINT stop them. With `EMBEDDED_WORKER`, each process is also a worker: leases
 * let any number of workers run, and no work waits for a restart.
 */

import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';

import { AggregatorRegistry } from 'prom-client';

import { type Settings, settingsOrExit } from './config/index.ts';
import { DEFAULT_METRICS_PORT } from './config/service.ts';
import { pause, stopSignal } from './lifecycle.ts';
import { configureLogs, log } from './logs.ts';
import { serveMetrics } from './metrics.ts';

/** A process that lives longer did not die of its start. */
const STABLE_MS = 10_000;
/** The pause before a process is started again. It doubles with each failure, so that a crash loop needs little CPU. */
const FIRST_PAUSE_SECONDS = 0.25;
const LONGEST_PAUSE_SECONDS = 30;
/** How much longer than the grace period a process may take that is replaced. Its own timer should end it. */
const KILL_DELAY_MS = 1000;

// Each process accepts connections itself. If the primary handed them out, those on their way to a process that dies
// would stay open, without an answer.
cluster.schedulingPolicy = cluster.SCHED_NONE;
// In all processes: the others answer the requests of the primary.
const registry = new AggregatorRegistry();

/** Serve the API until this process is told to stop. */
async function serve(): Promise<void> {
  await import('./main.ts');
  // The channel to the primary would keep the process alive.
  cluster.worker?.disconnect();
}

async function supervise(settings: Settings): Promise<void> {
  configureLogs(settings);
  // The main port would show the metrics of only one of the processes.
  const metricsPort = settings.metricsPort || DEFAULT_METRICS_PORT;
  const stopping = new AbortController();
  const stopped = stopSignal(settings.shutdownGraceSeconds).then(() => stopping.abort());
  // Whatever ends the primary, no process stays behind.
  process.once('exit', () => processes().forEach((worker) => worker.process.kill('SIGKILL')));
  const stopMetrics = await serveMetrics({ ...settings, metricsPort }, () => registry.clusterMetrics());

  const variables = { METRICS_PORT: String(metricsPort) };
  const places = Array.from({ length: settings.workers }, () => new Place(settings, variables, stopping.signal));
  let ready = startAll(places, stopping.signal);
  process.on('SIGHUP', () => {
    ready = ready.then(() => replaceAll(places, stopping.signal));
  });
  await ready;
  if (!stopping.signal.aborted) log.info({ processes: places.length }, 'cluster started');

  await stopped;
  const codes = await Promise.all(processes().map(stop));
  stopMetrics();
  process.exitCode = codes.some((code) => code !== 0) ? 1 : 0;
}

/** Start one process alone: if a setting is wrong, this is reported once, and the cluster ends with its exit code. */
async function startAll([first, ...others]: Place[], stopping: AbortSignal): Promise<void> {
  const failure = await first?.start();
  if (failure !== undefined && !stopping.aborted) process.exit(failure);
  await Promise.all(others.map((place) => place.startUntilItWorks()));
}

async function replaceAll(places: readonly Place[], stopping: AbortSignal): Promise<void> {
  for (const place of places) {
    if (stopping.aborted) return;
    if ((await place.start()) === undefined) continue;
    if (!stopping.aborted) log.error('a new process did not start, so the others were not replaced');
    return;
  }
  log.info('processes replaced');
}

/** The place of one process. Another one takes it when this one dies or is replaced. */
class Place {
  readonly #settings: Settings;
  readonly #variables: NodeJS.ProcessEnv;
  readonly #stopping: AbortSignal;
  #current: Worker | undefined;
  /** How many processes in a row died soon, or did not start. */
  #failures = 0;

  constructor(settings: Settings, variables: NodeJS.ProcessEnv, stopping: AbortSignal) {
    this.#settings = settings;
    this.#variables = variables;
    this.#stopping = stopping;
  }

  /** Start a process, and then let the present one end. Returns the exit code of a process that does not start. */
  async start(): Promise<number | undefined> {
    const worker = cluster.fork(this.#variables);
    const failure = await failureToListen(worker);
    if (failure !== undefined) return failure;
    const startedAt = performance.now();
    const previous = this.#current;
    this.#current = worker;
    worker.once('exit', (code: number | null, signal: string | null) => {
      if (this.#current !== worker || this.#stopping.aborted) return;
      this.#current = undefined;
      this.#failures = performance.now() - startedAt < STABLE_MS ? this.#failures + 1 : 0;
      log.error({ pid: worker.process.pid, code, signal }, 'process died');
      void this.startUntilItWorks();
    });
    log.info({ pid: worker.process.pid }, 'process started');
    if (previous !== undefined) await retire(previous, this.#settings.shutdownGraceSeconds * 1000 + KILL_DELAY_MS);
    return undefined;
  }

  async startUntilItWorks(): Promise<void> {
    await pause(pauseAfter(this.#failures), this.#stopping);
    while (!this.#stopping.aborted && (await this.start()) !== undefined) {
      this.#failures += 1;
      await pause(pauseAfter(this.#failures), this.#stopping);
    }
  }
}

function pauseAfter(failures: number): number {
  return failures === 0 ? 0 : Math.min(FIRST_PAUSE_SECONDS * 2 ** (failures - 1), LONGEST_PAUSE_SECONDS);
}

/** Wait until a process accepts connections. Returns its exit code if it ends before that. */
async function failureToListen(worker: Worker): Promise<number | undefined> {
  worker.on('error', (error) => log.warn({ pid: worker.process.pid, reason: String(error) }, 'process not reached'));
  try {
    await Promise.race([once(worker, 'listening'), once(worker, 'exit')]);
  } catch {
    return 1; // The system creates no more processes.
  }
  return worker.isDead() ? (worker.process.exitCode ?? 1) : undefined;
}

/** Let a process end after its requests, while others take the new ones. */
async function retire(worker: Worker, longestMs: number): Promise<void> {
  worker.process.kill('SIGHUP');
  const timer = setTimeout(() => worker.process.kill('SIGKILL'), longestMs);
  await ended(worker);
  clearTimeout(timer);
}

/** Stop a process. Returns its exit code. */
async function stop(worker: Worker): Promise<number> {
  worker.process.kill('SIGTERM');
  await ended(worker);
  const { exitCode, signalCode } = worker.process;
  // A process that is still starting does not handle the signal, and has nothing to finish.
  return signalCode === 'SIGTERM' ? 0 : (exitCode ?? 1);
}

function ended(worker: Worker): Promise<void> {
  return new Promise((resolve) => {
    if (worker.isDead()) resolve();
    else worker.once('exit', () => resolve());
  });
}

function processes(): Worker[] {
  return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
}

if (cluster.isPrimary) await supervise(settingsOrExit());
else await serve();
