/** The composition root of the API: it creates all parts and connects them. */

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, { type FastifyInstance } from 'fastify';

import { createAuthenticator, type Authenticator } from './auth/provider.ts';
import { auth } from './auth/routes.ts';
import { Cache } from './cache.ts';
import type { Settings } from './config/index.ts';
import { Database } from './database.ts';
import { Health } from './health.ts';
import { eraseResponses } from './idempotency/index.ts';
import { eraseEvents } from './messaging/events.ts';
import { Queue } from './messaging/index.ts';
import { watchConnections } from './metrics.ts';
import { orderData } from './orders/personal-data.ts';
import { orders } from './orders/routes.ts';
import type { PersonalData } from './personal-data.ts';
import { addAccessControl } from './web/access.ts';
import { addBodyParsers } from './web/bodies.ts';
import { addCompression } from './web/compression.ts';
import { addCors } from './web/cors.ts';
import { addDeprecation } from './web/deprecation.ts';
import { addEnvelope, addLimits, createEnter } from './web/envelope.ts';
import { addErrorHandlers, addNotFound, createClientErrorHandler, createFrameworkErrorHandler } from './web/errors.ts';
import { Load } from './web/load.ts';
import { addDocument, addDocumentPages } from './web/openapi.ts';
import { operations } from './web/operations.ts';
import { PageMeta } from './web/pagination.ts';
import { buildValidator, invalidRequest } from './web/validation.ts';

declare module 'fastify' {
  interface FastifyInstance {
    database: Database;
    queue: Queue;
    authenticator: Authenticator;
    /** Readiness turns 503, and every response closes its connection. */
    drain: () => void;
  }
}

const PERSONAL_DATA: readonly PersonalData[] = [
  orderData,
  { name: 'events', erase: eraseEvents },
  { name: 'responses', erase: eraseResponses },
];

/** The application, ready to be served. It opens no connection before its first request. */
export async function createApp(settings: Settings): Promise<FastifyInstance> {
  let isDraining = false;
  const enter = createEnter(settings);
  const database = new Database(settings);
  const queue = new Queue(settings, database);
  const authenticator = createAuthenticator(settings, database);
  const cache = new Cache();
  const load = new Load(settings);
  const health = new Health([
    { name: 'database', required: true, ping: () => database.ping() },
    ...database.dependencies,
    ...queue.dependencies,
  ]);

  const app = fastify({
    logger: false, // web/envelope.ts writes one line for each request
    trustProxy: settings.trustedProxies.length > 0 && settings.trustedProxies,
    // Longer than the 60 seconds of usual load balancers, so that they close idle connections first.
    keepAliveTimeout: 65_000,
    // Also for the rest of a body that was refused.
    requestTimeout: (settings.bodyTimeoutSeconds + 10) * 1000,
    http: { connectionsCheckingInterval: 1000 },
    // Requests that arrive on open connections during the shutdown are answered.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 16_384 },
    schemaController: {
      compilersFactory: {
        buildValidator,
        // What leaves is built field by field, and JSON.stringify is faster than a compiled serializer.
        buildSerializer: () => () => JSON.stringify,
      },
    },
    schemaErrorFormatter: invalidRequest,
    frameworkErrors: createFrameworkErrorHandler(enter),
    clientErrorHandler: createClientErrorHandler(settings),
  }).withTypeProvider<TypeBoxTypeProvider>();

  app.decorate('database', database);
  app.decorate('queue', queue);
  app.decorate('authenticator', authenticator);
  app.decorate('drain', () => {
    isDraining = true;
  });
  app.addHook('onClose', () => database.close());
  watchConnections(() => database.connections());

  addErrorHandlers(app);
  addEnvelope(app, { settings, enter, isDraining: () => isDraining });
  if (settings.corsOrigins.length > 0) addCors(app, settings.corsOrigins);
  addLimits(app, { settings, load, cache, authenticator });
  addNotFound(app);
  addAccessControl(app);
  addDeprecation(app);
  addBodyParsers(app, load);
  addCompression(app);

  await addDocument(app);
  app.addSchema(PageMeta);
  await app.register(operations, { health, servesMetrics: settings.metricsPort === 0, isDraining: () => isDraining });
  await app.register(auth, { settings, database, authenticator, personalData: PERSONAL_DATA });
  await app.register(orders, { prefix: '/api/v1/orders', database });
  if (settings.docsEnabled) await addDocumentPages(app);
  return app;
}

/** The OpenAPI document of the application. */
export async function apiDocument(settings: Settings): Promise<object> {
  const app = await createApp(settings);
  try {
    await app.ready();
    return app.swagger();
  } finally {
    await app.close();
  }
}
