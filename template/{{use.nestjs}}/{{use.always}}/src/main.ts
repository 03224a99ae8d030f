/** Serves the API: `node dist/main.js`. */

import { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import type { NestFastifyApplication } from '@nestjs/platform-fastify';

import { createApp } from './app.ts';
import { type Settings, settingsOrExit } from './config/index.ts';
import { Database } from './database.ts';
import { listeningOrExit, stopSignal } from './lifecycle.ts';
import { configureLogs, log } from './logs.ts';
import { Queue } from './messaging/index.ts';
import { serveMetrics } from './metrics.ts';
import { Draining } from './web/draining.ts';
import { checkDatabase, work } from './worker.ts';

/** Long enough for the requests of connections that were accepted at the last moment. */
const LAST_CONNECTIONS_MS = 250;

const settings = settingsOrExit();
configureLogs(settings);
const app = await createApp(settings);
await checkDatabase(app.get(Database));
const stopMetrics = await serveMetrics(settings);
const stopWorking = startBackgroundWork(app, settings);
await listeningOrExit(app.listen({ host: settings.host, port: settings.port }), settings.port, 'PORT');
// Not `enableShutdownHooks`: it ends requests in flight.
const stopped = stopSignal(settings.shutdownGraceSeconds);
log.info({ url: urlOf(app), ...(settings.docsEnabled && { docs: `${urlOf(app)}/docs` }) }, 'api started');

const isReplaced = (await stopped) === 'SIGHUP';
// Where another process has taken the place of this one, the load balancer need not know.
await stopServing(app, isReplaced ? 0 : settings.shutdownDelaySeconds);
await stopWorking();
await app.close();
stopMetrics();

/** Readiness turns 503 first, so that the load balancer sends no more requests. */
async function stopServing(nest: NestFastifyApplication, delaySeconds: number): Promise<void> {
  nest.get(Draining).begin();
  await sleep(delaySeconds * 1000);
  // Not the method of `http.Server`: it cuts idle connections, also those whose next request is on its way.
  Server.prototype.close.call(nest.getHttpServer());
  await sleep(LAST_CONNECTIONS_MS);
}

/** With `EMBEDDED_WORKER`, the worker is part of this process. Returns a function that ends it and the queue. */
function startBackgroundWork(
  nest: NestFastifyApplication,
  { embeddedWorker: consumes }: Settings,
): () => Promise<void> {
  const [queue, database] = [nest.get(Queue), nest.get(Database)];
  const stopping = new AbortController();
  const { signal } = stopping;
  const working = Promise.all([queue.run(signal, { consumes }), consumes && work(queue, database, signal)]);
  return async () => {
    stopping.abort();
    await working;
  };
}

function urlOf(nest: NestFastifyApplication): string {
  const address = nest.getHttpServer().address();
  if (address === null || typeof address === 'string') return '';
  return `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
}
