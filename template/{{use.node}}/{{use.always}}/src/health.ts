/** Whether the process should get requests: checks of what it depends on. */

import { log } from './logs.ts';

const TIMEOUT_MS = 1000;
/** How long a result is reused, so that frequent probes do not load the dependency. */
const REUSED_MS = 1000;

export interface Check {
  status: 'ok' | 'unavailable';
  latency_ms: number;
}

export interface Readiness {
  status: 'ok' | 'degraded' | 'unavailable';
  checks: Record<string, Check>;
}

/** Without a required dependency, the service is unavailable; without another one, it is degraded. */
export interface Dependency {
  name: string;
  required: boolean;
  ping: () => Promise<void>;
}

export class Health {
  readonly #dependencies: readonly Dependency[];
  readonly #results = new Map<string, { check: Promise<Check>; validUntil: number }>();

  constructor(dependencies: readonly Dependency[]) {
    this.#dependencies = dependencies;
  }

  async readiness(draining: boolean): Promise<Readiness> {
    const checks: Record<string, Check> = {};
    let status: Readiness['status'] = draining ? 'unavailable' : 'ok';
    const results = this.#dependencies.map(async (each) => ({ ...each, check: await this.#result(each) }));
    for (const { name, required, check } of await Promise.all(results)) {
      checks[name] = check;
      if (check.status === 'ok') continue;
      if (required) status = 'unavailable';
      else if (status === 'ok') status = 'degraded';
    }
    return { status, checks };
  }

  /** The result of a check that ended less than a second ago or is still running. */
  #result(dependency: Dependency): Promise<Check> {
    const known = this.#results.get(dependency.name);
    if (known !== undefined && performance.now() < known.validUntil) return known.check;
    const result = { check: run(dependency), validUntil: Infinity };
    this.#results.set(dependency.name, result);
    void result.check.then(() => (result.validUntil = performance.now() + REUSED_MS));
    return result.check;
  }
}

async function run({ name, ping }: Dependency): Promise<Check> {
  const startedAt = performance.now();
  const timeout = Promise.withResolvers<never>();
  const timer = setTimeout(() => timeout.reject(new Error('no answer in time')), TIMEOUT_MS);
  let status: Check['status'] = 'ok';
  try {
    await Promise.race([ping(), timeout.promise]);
  } catch (error) {
    status = 'unavailable';
    log.warn({ check: name, reason: String(error) }, 'check failed');
  } finally {
    clearTimeout(timer);
  }
  return { status, latency_ms: Math.round((performance.now() - startedAt) * 100) / 100 };
}
