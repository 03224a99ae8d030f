/** Transactions and reads. What is specific to one database is in `dialect.ts`. */

import { type Kysely, sql } from 'kysely';

import type { Settings } from './config/index.ts';
import { createConnections } from './dialect.ts';
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
  #open = 0;

  constructor(settings: Settings) {
    ({ writer: this.#writer, reader: this.#reader } = createConnections(settings));
  }

  /** Call `work` in one transaction: committed at the end, rolled back on any error. */
  async transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const calls: (() => void)[] = [];
    const end = databaseTransactions.startTimer();
    this.#open += 1;
    try {
      const result = await this.#writer
        .transaction()
        .execute((db) => work({ db, afterCommit: (call) => void calls.push(call) }));
      for (const call of calls) call();
      return result;
    } finally {
      this.#open -= 1;
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
      return await work({ db: this.#reader, afterCommit: neverCommits });
    } finally {
      end();
    }
  }

  /** @throws if the database does not answer or was never migrated */
  async ping(): Promise<void> {
    await sql`select 1 from kysely_migration`.execute(this.#reader);
  }

  /** The number of connections by state. */
  connections(): Record<string, number> {
    const inUse = Math.min(this.#open, 1);
    return { in_use: inUse, idle: 2 - inUse };
  }

  async close(): Promise<void> {
    await this.#writer.destroy();
    await this.#reader.destroy();
  }
}

function neverCommits(): never {
  throw new Error('a read has no commit');
}
