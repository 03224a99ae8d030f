/** What happens to every request before its route runs, and what is reported at its end. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import { type Authenticator, budgetsOf } from '../auth/provider.ts';
import type { Cache } from '../cache.ts';
import type { Settings } from '../config/index.ts';
import { loggedFacts, type RequestContext, runInContext } from '../context.ts';
import { ServiceError } from '../errors.ts';
import { log } from '../logs.ts';
import { observeRequest, requestsInFlight } from '../metrics.ts';
import { createContext, defaultHeaders, isAllowedHost } from './headers.ts';
import type { Load } from './load.ts';
import { hasRateLimit, isProbe, pathOf } from './paths.ts';
import { RateLimiter } from './rate-limiter.ts';

declare module 'fastify' {
  interface FastifyRequest {
    context: RequestContext;
    /** The URL without its query. */
    path: string;
  }
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Starts the context of a request. Also for requests that Fastify refuses before the hooks. */
export type Enter = (request: FastifyRequest, reply: FastifyReply) => void;

export function createEnter(settings: Settings): Enter {
  const headers = defaultHeaders(settings);
  return (request, reply) => {
    const startedAt = performance.now();
    request.path = pathOf(request.url);
    request.context = createContext(request.headers, request.ip);
    reply.headers(headers).header('x-request-id', request.context.requestId);
    requestsInFlight.inc();
    // Not `onResponse`: it does not run if the client goes away.
    reply.raw.once('close', () => {
      requestsInFlight.dec();
      report(request, reply, (performance.now() - startedAt) / 1000);
    });
  };
}

interface Envelope {
  settings: Settings;
  enter: Enter;
  /** Whether the process is about to stop. */
  isDraining: () => boolean;
}

export function addEnvelope(app: FastifyInstance, { settings, enter, isDraining }: Envelope): void {
  // Declared, so that all requests have the same shape: the engine then reads them faster.
  app.decorateRequest('path', '');
  app.decorateRequest('context');

  app.addHook('onRequest', (request, reply, done) => {
    enter(request, reply);
    runInContext(request.context, done);
  });

  // At the end, so that it holds for requests that began before.
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (isDraining()) reply.header('connection', 'close');
    done(null, payload);
  });

  if (!settings.allowedHosts.includes('*')) {
    // Probes may use any host: they call the process by its address.
    app.addHook('onRequest', async (request) => {
      if (isProbe(request.path) || isAllowedHost(request.hostname, settings.allowedHosts)) return;
      throw new ServiceError('invalid_parameter', 'The host is not served here');
    });
  }
}

interface Limits {
  settings: Settings;
  load: Load;
  cache: Cache;
  authenticator: Authenticator;
}

export function addLimits(app: FastifyInstance, { settings, load, cache, authenticator }: Limits): void {
  const limiter = new RateLimiter(cache, settings.rateLimitDefault, budgetsOf(settings));

  app.addHook('onRequest', (request, reply, done) => {
    if (!isProbe(request.path)) {
      load.enter();
      reply.raw.once('close', () => load.leave());
    }
    done();
  });

  app.addHook('onRequest', async (request, reply) => {
    if (isProbe(request.path)) return;
    const found = await authenticator.authenticate(request.headers.authorization);
    if (found instanceof ServiceError) request.context.refusal = found;
    else request.context.principal = found;
    if (hasRateLimit(request.path)) {
      reply.headers(await limiter.count(request.routeOptions.url ?? '', request.context));
    }
  });
}

function report(request: FastifyRequest, reply: FastifyReply, seconds: number): void {
  const route = request.routeOptions.url ?? 'unmatched';
  const method = METHODS.has(request.method) ? request.method : 'OTHER';
  // 0 if the client went away before the response.
  const status = reply.raw.headersSent ? reply.raw.statusCode : 0;
  observeRequest(method, route, status, seconds);
  if (isProbe(request.path)) return;
  log.info(
    {
      // The listener does not run in the context of the request.
      ...loggedFacts(request.context),
      method,
      path: request.path,
      route,
      status,
      duration_ms: Math.round(seconds * 100_000) / 100,
      client: request.context.address,
    },
    'request',
  );
}
