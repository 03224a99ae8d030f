import type { Env } from './env.ts';

export type QueueSettings = ReturnType<typeof readQueueSettings>;

export function readQueueSettings(env: Env) {
  return {
    /** Whether the API process also runs the worker. */
    embeddedWorker: env.boolean('EMBEDDED_WORKER', env.string('APP_ENV', 'development') === 'development'),
  };
}
