/** Tells the notifier of this process that a transaction has stored messages. */

const STORED = 'stored';

const commits = new EventTarget();

/** Call it after a commit that stored a message. */
export function announceStored(): void {
  commits.dispatchEvent(new Event(STORED));
}

/** Call a function after each commit in this process that stored a message, until the signal is aborted. */
export function onStored(call: () => void, signal: AbortSignal): void {
  commits.addEventListener(STORED, call, { signal });
}
