/** The metrics of messages. */

import { Counter, Gauge, Histogram } from 'prom-client';

import type { Database } from '../database.ts';
import { pause } from '../lifecycle.ts';
import { log } from '../logs.ts';
import { buckets } from '../metrics.ts';
import { countPending } from './repository.ts';

const COUNT_INTERVAL_SECONDS = 5;

export const handled = new Counter({
  name: 'messages_handled_total',
  help: 'Messages handled',
  labelNames: ['result', 'type'],
});
export const handlingDuration = new Histogram({
  name: 'message_handling_duration_seconds',
  help: 'Time to handle a message',
  labelNames: ['type'],
  buckets,
});
export const published = new Counter({ name: 'outbox_published_total', help: 'Messages that left the outbox' });
export const deadLetters = new Counter({ name: 'dead_letters_total', help: 'Messages given up', labelNames: ['type'] });
const pending = new Gauge({
  name: 'outbox_pending',
  help: 'Messages that wait in the outbox',
  // Every process counts the messages of all.
  aggregator: 'max',
});

/** Keep the metric `outbox_pending` current until the signal is aborted. */
export async function watchPending(database: Database, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      pending.set(await database.read(countPending));
    } catch (error) {
      // The next count may succeed.
      log.warn({ reason: String(error) }, 'messages not counted');
    }
    await pause(COUNT_INTERVAL_SECONDS, signal);
  }
}
