import { readSettings } from '../../src/config/index.ts';
import type { Database } from '../../src/database.ts';
import type { Handler, Handlers } from '../../src/messaging/handlers.ts';
import { Queue } from '../../src/messaging/index.ts';

/** A worker whose handlers take the events of the type `tea.poured`. */
export class Worker {
  readonly queue: Queue;
  handlers: Handlers;

  constructor(database: Database, handlers: readonly Handler[], variables: NodeJS.ProcessEnv = {}) {
    this.queue = new Queue(readSettings({ APP_ENV: 'test', ...variables }), database);
    this.handlers = { 'tea.poured': handlers };
  }

  /** Handle one batch. Returns the number of messages. */
  work(signal = new AbortController().signal): Promise<number> {
    return this.queue.handleBatch(this.handlers, signal);
  }
}
