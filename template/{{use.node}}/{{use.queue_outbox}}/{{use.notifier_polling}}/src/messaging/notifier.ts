/** Notifies the worker of new messages, so that it need not poll all the time. */

import type { Settings } from '../config/index.ts';
import { Flag } from './flag.ts';
import { onStored } from './stored.ts';

/** Wakes the worker after each commit in this process that stored a message. A worker in another process polls. */
export class Notifier {
  readonly #stored = new Flag();

  /** Notify until the signal is aborted. Nothing runs meanwhile: the commit and the worker are in one process. */
  run(_settings: Settings, signal: AbortSignal, _options: { listens: boolean }): Promise<void> {
    onStored(() => this.#stored.set(), signal);
    return Promise.resolve();
  }

  /** Return when there is a new message, after some time, or when the signal is aborted. */
  wait(seconds: number, signal: AbortSignal): Promise<void> {
    return this.#stored.wait(seconds, signal);
  }
}
