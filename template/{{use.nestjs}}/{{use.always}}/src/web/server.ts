import { fastify, type FastifyInstance } from 'fastify';

import type { Settings } from '../config/index.ts';
import { addCors } from './cors.ts';
import type { Draining } from './draining.ts';
import { addEnvelope, createEnter } from './envelope.ts';
import { addErrorHandlers, createClientErrorHandler, createFrameworkErrorHandler } from './errors.ts';

/** The server below Nest. Its first hooks are added before those of Nest, which may refuse a request. */
export function createServer(settings: Settings, draining: Draining): FastifyInstance {
  const enter = createEnter(settings);
  const server = fastify({
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
    frameworkErrors: createFrameworkErrorHandler(enter),
    clientErrorHandler: createClientErrorHandler(settings),
  });
  addErrorHandlers(server);
  addEnvelope(server, { settings, enter, isDraining: () => draining.hasBegun });
  if (settings.corsOrigins.length > 0) addCors(server, settings.corsOrigins);
  return server;
}
