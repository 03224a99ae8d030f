import type { Env } from './env.ts';

export type QueueSettings = ReturnType<typeof readQueueSettings>;

export function readQueueSettings(env: Env) {
  return {
    /** Whether the API process also runs the worker. */
    embeddedWorker: env.boolean('EMBEDDED_WORKER', env.string('APP_ENV', 'development') === 'development'),
    /** The number of messages that a worker claims at once. */
    queueBatchSize: env.integer('QUEUE_BATCH_SIZE', 100, { max: 1000 }),
    /** If a worker dies, its messages are delivered again after this time. */
    queueLeaseSeconds: env.number('QUEUE_LEASE_SECONDS', 10, { min: 1 }),
    /** The number of attempts after which a message becomes a dead letter. */
    queueMaxAttempts: env.integer('QUEUE_MAX_ATTEMPTS', 8),
    queuePollSeconds: env.number('QUEUE_POLL_SECONDS', 1, { min: 0.001 }),
  };
}
