import { pause } from '../lifecycle.ts';

/** What one task sets and another one waits for. */
export class Flag {
  #set = new AbortController();

  set(): void {
    this.#set.abort();
  }

  /** Return when the flag is set, after some time, or when the signal is aborted. The flag is cleared. */
  async wait(seconds: number, signal: AbortSignal): Promise<void> {
    const setToo = (): void => this.set();
    signal.addEventListener('abort', setToo);
    if (!signal.aborted) await pause(seconds, this.#set.signal);
    signal.removeEventListener('abort', setToo);
    this.#set = new AbortController();
  }
}
