/** Turns every error into a problem document. */

import type { ErrorRequestHandler, RequestHandler } from 'express';

import { ServiceError } from '../errors.ts';
import { concealed, problemDocument, problemHeaders } from './problem-document.ts';
import { allowedMethods, type Route } from './routes.ts';

/** Refuses what Express would answer itself: `OPTIONS`, and the path of a router with a slash at its end. */
export function refuseUnsupported(routes: readonly Route[]): RequestHandler {
  return ({ method, fullPath }, _res, next) => {
    if (method === 'OPTIONS' || (fullPath.endsWith('/') && fullPath !== '/')) throw unrouted(routes, fullPath);
    next();
  };
}

/** Refuses requests that no route has taken. */
export function refuseUnrouted(routes: readonly Route[]): RequestHandler {
  return ({ fullPath }) => {
    throw unrouted(routes, fullPath);
  };
}

/** Express knows it by its four parameters. */
export const handleError: ErrorRequestHandler = (error: unknown, req, res, _next) => {
  if (res.headersSent || res.destroyed) {
    // The client is gone, or has a part of the body already, and notices that the rest is missing.
    res.destroy();
    return;
  }
  const refusal = error instanceof ServiceError ? error : concealed(error, req.fullPath);
  const document = problemDocument(refusal, req.fullPath, req.context.requestId);
  const headers = problemHeaders(refusal, req.headers.authorization !== undefined);
  // Not `res.json()`, which would add a charset to the media type.
  res
    .status(document.status)
    .set(headers)
    .send(Buffer.from(JSON.stringify(document)));
};

function unrouted(routes: readonly Route[], path: string): ServiceError {
  const allowed = allowedMethods(routes, path);
  if (allowed.length === 0) return new ServiceError('not_found', 'There is nothing at this address');
  return new ServiceError('method_not_allowed', undefined, { headers: { allow: allowed.join(', ') } });
}
