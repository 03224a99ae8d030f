/** The worker handles messages and runs scheduled jobs. `node dist/worker.js` starts one; any number may run. */

import { authJobs } from './auth/index.ts';
import { exitMisconfigured, type Settings, settingsOrExit } from './config/index.ts';
import { Database } from './database.ts';
import { isMisconfigured } from './dialect.ts';
import { idempotencyJobs } from './idempotency/index.ts';
import { runJobs } from './jobs/index.ts';
import { stopSignal } from './lifecycle.ts';
import { configureLogs, log } from './logs.ts';
import { Queue } from './messaging/index.ts';
import { serveMetrics, watchConnections } from './metrics.ts';
import { HANDLERS } from './subscriptions.ts';

const JOBS = [...idempotencyJobs, ...authJobs];

/** Do the work of a worker until the signal is aborted. */
export async function work(queue: Queue, database: Database, signal: AbortSignal): Promise<void> {
  await Promise.all([queue.consume(HANDLERS, signal), runJobs(database, JOBS, signal)]);
}

/** End the process with exit code 78 if `DATABASE_URL` is wrong. If the database does not answer, it may do so later. */
export async function checkDatabase(database: Database): Promise<void> {
  await database.ping().catch((error: unknown) => {
    if (isMisconfigured(error)) exitMisconfigured(`DATABASE_URL: ${(error as Error).message}`);
  });
}

async function main(settings: Settings): Promise<void> {
  configureLogs(settings);
  const database = new Database(settings);
  await checkDatabase(database);
  const stopMetrics = await serveMetrics(settings);
  watchConnections(() => database.connections());
  const queue = new Queue(settings, database);
  const stopping = new AbortController();
  const stopped = stopSignal(settings.shutdownGraceSeconds).then(() => stopping.abort());
  log.info('worker started');
  await Promise.all([queue.run(stopping.signal, { consumes: true }), work(queue, database, stopping.signal), stopped]);
  stopMetrics();
  await database.close();
}

if (import.meta.main) await main(settingsOrExit());
