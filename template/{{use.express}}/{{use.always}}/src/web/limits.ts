/** Who sends a request, and whether the service takes it now. */

import type { RequestHandler } from 'express';

import type { Authenticator } from '../auth/provider.ts';
import { ServiceError } from '../errors.ts';
import type { Load } from './load.ts';
import { hasRateLimit, isProbe } from './paths.ts';
import type { RateLimiter } from './rate-limiter.ts';

/** Load shedding: refuses requests beyond `MAX_CONCURRENCY` at once. */
export function shedding(load: Load): RequestHandler {
  return (req, res, next) => {
    if (!isProbe(req.fullPath)) {
      load.enter();
      res.once('close', () => load.leave());
    }
    next();
  };
}

/** Notes the principal, or why there is none. The operation decides whether it needs one. */
export function authentication(authenticator: Authenticator): RequestHandler {
  return async (req, _res, next) => {
    if (!isProbe(req.fullPath)) {
      const found = await authenticator.authenticate(req.headers.authorization);
      if (found instanceof ServiceError) req.context.refusal = found;
      else req.context.principal = found;
    }
    next();
  };
}

export function rateLimit(limiter: RateLimiter): RequestHandler {
  return async (req, res, next) => {
    // Routes with a budget of their own have no parameters, so their path is their template.
    if (hasRateLimit(req.fullPath)) res.set(await limiter.count(req.fullPath, req.context));
    next();
  };
}
