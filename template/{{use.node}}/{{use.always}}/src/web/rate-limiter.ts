import type { Cache } from '../cache.ts';
import type { Rate } from '../config/service.ts';
import { callerOf, type RequestContext } from '../context.ts';
import { ServiceError } from '../errors.ts';

/** The limits of single routes. There, requests are counted by address, with or without a token. */
export type Budgets = Readonly<Record<string, Rate>>;

/** Counts the requests of each caller in fixed windows, and refuses requests beyond the limit. */
export class RateLimiter {
  readonly #cache: Cache;
  readonly #rate: Rate;
  readonly #budgets: Budgets;

  constructor(cache: Cache, rate: Rate, budgets: Budgets = {}) {
    this.#cache = cache;
    this.#rate = rate;
    this.#budgets = budgets;
  }

  /**
   * Count the request. Returns the headers that tell what is left.
   *
   * @param route its template: a path can be written in several ways
   *
   * @throws rate_limited
   */
  async count(route: string, context: RequestContext): Promise<Record<string, string>> {
    const budget = this.#budgets[route];
    const { limit, seconds } = budget ?? this.#rate;
    const key = budget ? `${route} ${context.address}` : callerOf(context);
    const { count, resetsIn } = await this.#cache.increment(key, seconds);
    const headers = {
      'ratelimit-limit': String(limit),
      'ratelimit-remaining': String(Math.max(0, limit - count)),
      'ratelimit-reset': String(resetsIn),
    };
    if (count > limit) throw new ServiceError('rate_limited', undefined, { retryAfter: resetsIn, headers });
    return headers;
  }
}
