/** The metrics. The number of label values is bounded: `route` is the template of a route, never a path. */

import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:http';

import { Counter, Gauge, Histogram, register } from 'prom-client';

import type { Settings } from './config/index.ts';
import { listeningOrExit } from './lifecycle.ts';
import { log } from './logs.ts';
import { VERSION } from './version.ts';

export const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const requestDuration = new Histogram({
  name: 'http_server_request_duration_seconds',
  help: 'Time to answer a request',
  labelNames: ['method', 'route', 'status'],
  buckets,
});
export const requestsInFlight = new Gauge({
  name: 'http_server_requests_in_flight',
  help: 'Requests being answered',
});
const databaseDuration = new Histogram({
  name: 'db_client_operation_duration_seconds',
  help: 'Time of a read or a transaction, including the time between its statements',
  labelNames: ['operation'],
  buckets,
});
export const databaseReads = databaseDuration.labels('read');
export const databaseTransactions = databaseDuration.labels('transaction');
export const jobs = new Counter({
  name: 'jobs_total',
  help: 'Scheduled jobs that ran',
  labelNames: ['job', 'result'],
});
const buildInfo = new Gauge({ name: 'build_info', help: 'Always 1', labelNames: ['version'], aggregator: 'first' });
buildInfo.set({ version: VERSION }, 1);

// Kept, because the lookup of labels costs more than the observation itself.
const requestTimers = new Map<string, Histogram.Internal<'method' | 'route' | 'status'>>();

export function observeRequest(method: string, route: string, status: number, seconds: number): void {
  const key = `${method} ${route} ${status}`;
  let timer = requestTimers.get(key);
  if (timer === undefined) {
    timer = requestDuration.labels(method, route, String(status));
    requestTimers.set(key, timer);
  }
  timer.observe(seconds);
}

let countConnections = (): Record<string, number> => ({});

const poolConnections = new Gauge({
  name: 'db_pool_connections',
  help: 'Database connections',
  labelNames: ['state'],
  registers: [],
  collect() {
    for (const [state, connections] of Object.entries(countConnections())) this.set({ state }, connections);
  },
});
register.registerMetric(poolConnections);

/** Ask for the connections of the database at each scrape. `count` returns their number by state. */
export function watchConnections(count: () => Record<string, number>): void {
  countConnections = count;
}

/**
 * Serve the metrics on their separate port, if there is one. Returns a function that ends this. In a cluster, the primary
 * serves those of all processes.
 */
export async function serveMetrics(
  settings: Settings,
  collect: () => Promise<string> = () => register.metrics(),
): Promise<() => void> {
  if (settings.metricsPort === 0 || cluster.isWorker) return () => undefined;
  const server = createServer((request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    collect().then(
      (text) => response.writeHead(200, { 'Content-Type': register.contentType }).end(text),
      (error: unknown) => {
        log.warn({ reason: String(error) }, 'metrics not collected');
        response.writeHead(503).end();
      },
    );
  });
  const listening = once(server.listen(settings.metricsPort, settings.host), 'listening');
  await listeningOrExit(listening, settings.metricsPort, 'METRICS_PORT');
  return () => {
    server.close();
    server.closeAllConnections();
  };
}

export { register } from 'prom-client';
