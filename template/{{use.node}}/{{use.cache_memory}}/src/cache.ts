/** Counters that expire, kept in this process. Replicas do not share them. */

export interface Count {
  count: number;
  /** Whole seconds until the window ends. */
  resetsIn: number;
}

export class Cache {
  readonly #windows = new Map<number, { number: number; counts: Map<string, number> }>();

  /** Add 1 to the count of `key` in the current window of `seconds`. */
  increment(key: string, seconds: number): Promise<Count> {
    const now = Date.now() / 1000;
    const number = Math.floor(now / seconds);
    let window = this.#windows.get(seconds);
    if (window?.number !== number) {
      // A new window drops all counts of the last one, so memory holds the keys of one window only.
      window = { number, counts: new Map() };
      this.#windows.set(seconds, window);
    }
    const count = (window.counts.get(key) ?? 0) + 1;
    window.counts.set(key, count);
    return Promise.resolve({ count, resetsIn: Math.floor((number + 1) * seconds - now) + 1 });
  }
}
