/** Events. They are only logged, because nothing handles them yet. */

import { once } from 'node:events';

import type { Command } from '../command.ts';
import type { Settings } from '../config/index.ts';
import type { Database } from '../database.ts';
import type { Dependency } from '../health.ts';

/** There are no handlers. */
export type Handlers = Readonly<Record<string, never>>;

export const messagingCommands: Record<string, Command> = {};

/** Stands in for a queue: no event is stored or handled. */
export class Queue {
  /** The servers that it needs: none. */
  readonly dependencies: readonly Dependency[] = [];

  // oxlint-disable-next-line no-useless-constructor -- a queue takes these, and its callers pass them to any
  constructor(_settings: Settings, _database: Database) {}

  /** Returns at once: nothing runs beside the requests. */
  run(_signal: AbortSignal, _options: { consumes: boolean }): Promise<void> {
    return Promise.resolve();
  }

  /** Waits until the signal is aborted: there is nothing to consume. */
  async consume(_handlers: Handlers, signal: AbortSignal): Promise<void> {
    if (!signal.aborted) await once(signal, 'abort');
  }
}
