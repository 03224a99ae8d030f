/** Notifies the workers of new messages, so that they need not poll all the time. */

import { Client } from 'pg';

import type { Settings } from '../config/index.ts';
import { pause } from '../lifecycle.ts';
import { log } from '../logs.ts';
import { Flag } from './flag.ts';
import { onStored } from './stored.ts';

const CHANNEL = 'messages';
/** NOTIFY is sent at most once per interval. Inside of each transaction, it would make commits wait for each other. */
const NOTIFY_INTERVAL_SECONDS = 0.05;
const RECONNECT_SECONDS = 1;
/** So that the loss of a connection is noticed that the server did not close. */
const PROBE_SECONDS = 10;

/** Sends NOTIFY after each commit in this process that stored a message, and receives it from every process. */
export class Notifier {
  readonly #stored = new Flag();
  readonly #notified = new Flag();

  /** Send notifications until the signal is aborted. `listens` says whether this process also receives them. */
  async run(settings: Settings, signal: AbortSignal, { listens }: { listens: boolean }): Promise<void> {
    onStored(() => this.#stored.set(), signal);
    while (!signal.aborted) {
      try {
        await this.#connect(settings, signal, listens);
      } catch (error) {
        // Until the connection is back, workers poll.
        log.warn({ reason: String(error) }, 'workers not notified');
        await pause(RECONNECT_SECONDS, signal);
      }
    }
  }

  /** Return when there is a new message, after some time, or when the signal is aborted: a notification may be lost. */
  wait(seconds: number, signal: AbortSignal): Promise<void> {
    return this.#notified.wait(seconds, signal);
  }

  async #connect(settings: Settings, signal: AbortSignal, listens: boolean): Promise<void> {
    // Not from the pool: this connection stays open, and requests need those of the pool.
    const client = new Client({
      connectionString: settings.databaseUrl,
      connectionTimeoutMillis: settings.databaseAcquireTimeoutSeconds * 1000,
      query_timeout: PROBE_SECONDS * 1000,
    });
    // Without a listener, the loss of the connection would end the process. The next query fails, too.
    client.on('error', () => this.#stored.set());
    client.on('notification', () => this.#notified.set());
    try {
      await client.connect();
      if (listens) await client.query(`listen ${CHANNEL}`);
      while (!signal.aborted) {
        await this.#stored.wait(PROBE_SECONDS, signal);
        await client.query(`notify ${CHANNEL}`);
        await pause(NOTIFY_INTERVAL_SECONDS, signal);
      }
    } finally {
      // Not awaited: the server may be gone.
      void client.end().catch(() => undefined);
    }
  }
}
