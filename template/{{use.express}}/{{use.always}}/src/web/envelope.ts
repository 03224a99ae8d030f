/** What happens to every request before its route runs, and what is reported at its end. */

import type { Request, RequestHandler, Response } from 'express';

import type { Settings } from '../config/index.ts';
import { loggedFacts, type RequestContext, runInContext } from '../context.ts';
import { ServiceError } from '../errors.ts';
import { log } from '../logs.ts';
import { observeRequest, requestsInFlight } from '../metrics.ts';
import type { Draining } from './draining.ts';
import { createContext, defaultHeaders, isAllowedHost } from './headers.ts';
import { isProbe, pathOf } from './paths.ts';

declare global {
  namespace Express {
    interface Request {
      context: RequestContext;
      /** The path of the whole URL: inside of a router, `path` lacks the part where the router is mounted. */
      fullPath: string;
      /** The path of the route, with the names of its parameters. Undefined until the request has reached one. */
      template?: string;
    }
  }
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
/** Escapes of letters, digits, `-`, `.`, `_` and `~`. */
const NEEDLESS_ESCAPE = /%(?:2[de]|5f|7e|3\d|[46][1-9a-f]|[57][\da])/gi;

export function envelope(settings: Settings, draining: Draining): RequestHandler {
  const headers = defaultHeaders(settings);
  return (req, res, next) => {
    const startedAt = performance.now();
    req.fullPath = pathOf(req.url);
    req.context = createContext(req.headers, req.ip ?? '');
    res.set(headers).set('x-request-id', req.context.requestId);
    draining.add(res);
    requestsInFlight.inc();
    // Not `finish`: it is not emitted if the client goes away.
    res.once('close', () => {
      requestsInFlight.dec();
      report(req, res, (performance.now() - startedAt) / 1000);
    });
    runInContext(req.context, next);
  };
}

/**
 * Writes the path without needless escapes: it means the same (RFC 3986, 6.2.2.2), but Express matches routes with the
 * path as the client has written it.
 */
export const canonicalPath: RequestHandler = (req, _res, next) => {
  const path = req.fullPath;
  if (path.includes('%')) {
    if (!canBeDecoded(path)) throw new ServiceError('not_found', 'The address is not valid');
    req.fullPath = path.replace(NEEDLESS_ESCAPE, decodeURIComponent);
    req.url = req.fullPath + req.url.slice(path.length);
  }
  next();
};

export function allowedHosts(allowed: readonly string[]): RequestHandler {
  return (req, _res, next) => {
    // Probes may use any host: they call the process by its address.
    if (!isProbe(req.fullPath) && !isAllowedHost(req.hostname ?? '', allowed)) {
      throw new ServiceError('invalid_parameter', 'The host is not served here');
    }
    next();
  };
}

function canBeDecoded(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

function report(req: Request, res: Response, seconds: number): void {
  const route = req.template ?? 'unmatched';
  const method = METHODS.has(req.method) ? req.method : 'OTHER';
  // 0 if the client went away before the response.
  const status = res.headersSent ? res.statusCode : 0;
  observeRequest(method, route, status, seconds);
  if (isProbe(req.fullPath)) return;
  log.info(
    {
      // The listener does not run in the context of the request.
      ...loggedFacts(req.context),
      method,
      path: req.fullPath,
      route,
      status,
      duration_ms: Math.round(seconds * 100_000) / 100,
      client: req.context.address,
    },
    'request',
  );
}
