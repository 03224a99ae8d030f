/** Transactions and reads. What is specific to one database is in `dialect.ts`. */

import { type Kysely, sql } from 'kysely';

import type { Settings } from './config/index.ts';
import { createConnections, isRetryable } from './dialect.ts';
import { databaseReads, databaseTransactions } from './metrics.ts';
import type { Tables } from './tables.ts';

/** The rows that a purge deletes at once, so that its transaction stays short. */
export const DELETED_AT_ONCE = 1000;

/** What services and handlers pass to repositories: the database, inside of a transaction or a read. */
export interface Session {
  readonly db: Kysely<Tables>;
  /** Call a function after the commit. A rollback drops the call. */
  afterCommit(call: () => void): void;
}

export class Database {
  readonly #writer: Kysely<Tables>;
  readonly #reader: Kysely<Tables>;
  /** The number of connections by state. */
  readonly connections: () => Record<string, number>;

  constructor(settings: Settings) {
    const { writer, reader, count } = createConnections(settings);
    this.#writer = writer;
    this.#reader = reader;
    this.connections = count;
  }

  /**
   * Call `work` in one transaction: committed at the end, rolled back on any error. If the database rolls it back for the
   * sake of another transaction, `work` is called once more: what it changes elsewhere belongs into `afterCommit`.
   */
  async transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    let calls: (() => void)[] = [];
    const end = databaseTransactions.startTimer();
    try {
      const result = await withRetry(() => {
        calls = [];
        return this.#writer.transaction().execute((db) => work({ db, afterCommit: (call) => void calls.push(call) }));
      });
      for (const call of calls) call();
      return result;
    } finally {
      end();
    }
  }

  /**
   * Call `work` for reads, without the round trips of a transaction. Each statement sees its own snapshot: use one
   * statement to read data that must be consistent.
   */
  async read<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const end = databaseReads.startTimer();
    try {
      return await withRetry(() => work({ db: this.#reader, afterCommit: neverCommits }));
    } finally {
      end();
    }
  }

  /** @throws if the database does not answer or was never migrated */
  async ping(): Promise<void> {
    await sql`select 1 from kysely_migration`.execute(this.#reader);
  }

  async close(): Promise<void> {
    await this.#writer.destroy();
    await this.#reader.destroy();
  }
}

async function withRetry<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isRetryable(error)) throw error;
    return work();
  }
}

function neverCommits(): never {
  throw new Error('a read has no commit');
}
