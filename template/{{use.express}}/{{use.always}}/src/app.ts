/** The composition root of the API: it creates all parts and connects them. */

import compression from 'compression';
import express, { type Express } from 'express';

import { type Authenticator, budgetsOf, createAuthenticator } from './auth/provider.ts';
import { createAuth } from './auth/routes.ts';
import { Cache } from './cache.ts';
import type { Settings } from './config/index.ts';
import { Database } from './database.ts';
import { Health } from './health.ts';
import { eraseResponses } from './idempotency/index.ts';
import { eraseEvents } from './messaging/events.ts';
import { Queue } from './messaging/index.ts';
import { watchConnections } from './metrics.ts';
import { orderData } from './orders/personal-data.ts';
import { createOrders } from './orders/routes.ts';
import type { PersonalData } from './personal-data.ts';
import { bodyReader } from './web/bodies.ts';
import { crossOrigin } from './web/cors.ts';
import { createDocs } from './web/docs.ts';
import { Draining } from './web/draining.ts';
import { allowedHosts, canonicalPath, envelope } from './web/envelope.ts';
import { handleError, refuseUnrouted, refuseUnsupported } from './web/errors.ts';
import { authentication, rateLimit, shedding } from './web/limits.ts';
import { Load } from './web/load.ts';
import { documentOf } from './web/openapi.ts';
import { createProbes } from './web/probes.ts';
import { RateLimiter } from './web/rate-limiter.ts';
import { type Routers, routesOf } from './web/routes.ts';

/** The application, and the parts of it that the process manages. */
export interface App {
  /** Handles requests. */
  express: Express;
  database: Database;
  queue: Queue;
  authenticator: Authenticator;
  /** Readiness turns 503, and every response closes its connection. */
  drain: () => void;
  /** The OpenAPI document. */
  document: () => object;
}

const PERSONAL_DATA: readonly PersonalData[] = [
  orderData,
  { name: 'events', erase: eraseEvents },
  { name: 'responses', erase: eraseResponses },
];

/**
 * The application, ready to be served. It opens no connection before its first request. `addRouters` gives routers
 * beside those of the service: tests have such.
 */
export function createApp(settings: Settings, addRouters: (database: Database) => Routers = () => ({})): App {
  const draining = new Draining();
  const database = new Database(settings);
  const queue = new Queue(settings, database);
  const authenticator = createAuthenticator(settings, database);
  const load = new Load(settings);
  const limiter = new RateLimiter(new Cache(), settings.rateLimitDefault, budgetsOf(settings));
  const health = new Health([
    { name: 'database', required: true, ping: () => database.ping() },
    ...database.dependencies,
    ...queue.dependencies,
  ]);
  watchConnections(() => database.connections());

  const document = (): object => documentOf(routes);
  const routers: Routers = {
    '/': createProbes({ health, servesMetrics: settings.metricsPort === 0, draining }),
    ...createAuth({ settings, database, authenticator, personalData: PERSONAL_DATA }),
    '/api/v1/orders': createOrders(database),
    ...addRouters(database),
    ...(settings.docsEnabled && createDocs(document)),
  };
  const routes = routesOf(routers);

  const app = express();
  app.set('trust proxy', settings.trustedProxies.length > 0 && settings.trustedProxies);
  app.set('query parser', 'simple');
  app.enable('case sensitive routing');
  app.disable('etag'); // entity tags are the versions of rows
  app.disable('x-powered-by');

  app.use(envelope(settings, draining));
  app.use(canonicalPath);
  app.use(allowedHosts(settings.allowedHosts));
  if (settings.corsOrigins.length > 0) app.use(crossOrigin(settings.corsOrigins));
  app.use(shedding(load));
  app.use(authentication(authenticator));
  app.use(rateLimit(limiter));
  app.use(compression());
  app.use(bodyReader(load));
  app.use(refuseUnsupported(routes));
  for (const [path, router] of Object.entries(routers)) app.use(path, router);
  app.use(refuseUnrouted(routes));
  app.use(handleError);

  return {
    express: app,
    database,
    queue,
    authenticator,
    drain: () => draining.start(),
    document,
  };
}

/** The OpenAPI document of the application. */
export async function apiDocument(settings: Settings): Promise<object> {
  const { document, database } = createApp(settings);
  await database.close();
  return document();
}
