/** Reads that may lack the latest changes: with `DATABASE_REPLICA_URL`, a read replica answers them. */

import { type Kysely, sql } from 'kysely';

import type { Settings } from './config/index.ts';
import { createReplicaConnections } from './dialect.ts';
import { ServiceError } from './errors.ts';
import type { Dependency } from './health.ts';
import { log } from './logs.ts';
import type { Tables } from './tables.ts';

/** How long the replica is not asked again after it has failed. */
const RETRY_SECONDS = 5;

/** Reads on the replica. If it fails, or if there is none, reads on the primary. */
export class Replica {
  readonly #primary: Kysely<Tables>;
  readonly #replica: ReturnType<typeof createReplicaConnections>;
  #answers = true;
  #retryAt = 0;

  constructor(settings: Settings, primary: Kysely<Tables>) {
    this.#primary = primary;
    this.#replica = createReplicaConnections(settings);
  }

  /** The replica, if there is one. The service works on without it. */
  get dependencies(): readonly Dependency[] {
    const reader = this.#replica?.reader;
    if (reader === undefined) return [];
    const ping = async (): Promise<void> => void (await sql`select 1 from kysely_migration`.execute(reader));
    return [{ name: 'replica', required: false, ping }];
  }

  /** @param work is called once more, with the primary, if it fails on the replica */
  async read<T>(work: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
    if (this.#replica === undefined || !this.#mayAsk()) return work(this.#primary);
    try {
      const result = await work(this.#replica.reader);
      this.#reportSuccess();
      return result;
    } catch (error) {
      if (error instanceof ServiceError) throw error;
      // Whatever has failed, such as a column that has not been replicated yet.
      this.#reportFailure(error);
      return work(this.#primary);
    }
  }

  connections(): { in_use: number; idle: number } {
    return this.#replica?.count() ?? { in_use: 0, idle: 0 };
  }

  async close(): Promise<void> {
    await this.#replica?.reader.destroy();
  }

  /** Whether to read on the replica: not if it failed a moment ago. */
  #mayAsk(): boolean {
    if (this.#answers) return true;
    if (performance.now() < this.#retryAt) return false;
    // This read tries again. Others do not wait for its result.
    this.#postponeRetry();
    return true;
  }

  #reportFailure(error: unknown): void {
    if (this.#answers) log.warn({ reason: String(error) }, 'replica unavailable');
    this.#answers = false;
    this.#postponeRetry();
  }

  #reportSuccess(): void {
    if (!this.#answers) log.warn('replica available again');
    this.#answers = true;
  }

  #postponeRetry(): void {
    this.#retryAt = performance.now() + RETRY_SECONDS * 1000;
  }
}
