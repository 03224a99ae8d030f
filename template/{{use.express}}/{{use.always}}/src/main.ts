/** Serves the API: `node dist/main.js`. */

import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { type App, createApp } from './app.ts';
import { type Settings, settingsOrExit } from './config/index.ts';
import { listeningOrExit, stopSignal } from './lifecycle.ts';
import { configureLogs, log } from './logs.ts';
import { serveMetrics } from './metrics.ts';
import { closeServer, createServer } from './web/server.ts';
import { checkDatabase, work } from './worker.ts';

const settings = settingsOrExit();
configureLogs(settings);
const app = createApp(settings);
const server = createServer(app.express, settings);
await checkDatabase(app.database);
const stopMetrics = await serveMetrics(settings);
const stopWorking = startBackgroundWork(app, settings);
await listeningOrExit(once(server.listen(settings.port, settings.host), 'listening'), settings.port, 'PORT');
const stopped = stopSignal(settings.shutdownGraceSeconds);
log.info({ url: urlOf(server), ...(settings.docsEnabled && { docs: `${urlOf(server)}/docs` }) }, 'api started');

const isReplaced = (await stopped) === 'SIGHUP';
// Readiness turns 503 first, so that the load balancer sends no more requests.
app.drain();
// Where another process has taken the place of this one, the load balancer need not know.
await sleep(isReplaced ? 0 : settings.shutdownDelaySeconds * 1000);
await closeServer(server);
await stopWorking();
await app.database.close();
stopMetrics();

/** With `EMBEDDED_WORKER`, the worker is part of this process. Returns a function that ends it and the queue. */
function startBackgroundWork({ database, queue }: App, { embeddedWorker: consumes }: Settings): () => Promise<void> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const working = Promise.all([queue.run(signal, { consumes }), consumes && work(queue, database, signal)]);
  return async () => {
    stopping.abort();
    await working;
  };
}

function urlOf(listening: Server): string {
  const { address, family, port } = listening.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
