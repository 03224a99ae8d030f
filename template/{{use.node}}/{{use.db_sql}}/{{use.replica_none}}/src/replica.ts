/** Reads that may lack the latest changes. A file has no replicas, so they are like all other reads. */

import type { Kysely } from 'kysely';

import type { Settings } from './config/index.ts';
import type { Dependency } from './health.ts';
import type { Tables } from './tables.ts';

export class Replica {
  readonly dependencies: readonly Dependency[] = [];
  readonly #primary: Kysely<Tables>;

  constructor(_settings: Settings, primary: Kysely<Tables>) {
    this.#primary = primary;
  }

  read<T>(work: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
    return work(this.#primary);
  }

  connections(): { in_use: number; idle: number } {
    return { in_use: 0, idle: 0 };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
