/** Cross-origin requests of browsers (the Fetch standard), from the origins of an allow-list. */

import cors from 'cors';
import type { RequestHandler } from 'express';

/** The headers of responses that scripts of other origins may read. */
const EXPOSED = [
  'ETag',
  'Link',
  'Location',
  'X-Request-ID',
  'Idempotent-Replayed',
  'Deprecation',
  'Sunset',
  'Retry-After',
  'RateLimit-Limit',
  'RateLimit-Remaining',
  'RateLimit-Reset',
];

export function crossOrigin(origins: readonly string[]): RequestHandler[] {
  const headers = cors({
    origin: [...origins],
    methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key', 'If-Match', 'If-None-Match'],
    exposedHeaders: EXPOSED,
    maxAge: 600,
    // It would answer each `OPTIONS`, also those that are no preflight.
    preflightContinue: true,
  });
  return [headers, answerPreflight];
}

const answerPreflight: RequestHandler = (req, res, next) => {
  if (req.method === 'OPTIONS' && req.headers['access-control-request-method'] !== undefined) res.status(204).end();
  else next();
};
