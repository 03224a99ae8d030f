/** Transactions and reads. What is specific to one database is in `dialect.ts`. */

import { type Kysely, sql } from 'kysely';

import type { Settings } from './config/index.ts';
import { createConnections, isRetryable } from './dialect.ts';
import type { Dependency } from './health.ts';
import { databaseReads, databaseTransactions } from './metrics.ts';
import { Replica } from './replica.ts';
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
  readonly #replica: Replica;
  readonly #count: () => { in_use: number; idle: number };

  constructor(settings: Settings) {
    const { writer, reader, count } = createConnections(settings);
    this.#writer = writer;
    this.#reader = reader;
    this.#replica = new Replica(settings, reader);
    this.#count = count;
  }

  /** The servers that it can do without. */
  get dependencies(): readonly Dependency[] {
    return this.#replica.dependencies;
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
   * statement to read data that must be consistent. With `staleOk`, a read replica may answer, which lacks the latest
   * changes.
   */
  async read<T>(work: (session: Session) => Promise<T>, { staleOk = false } = {}): Promise<T> {
    const end = databaseReads.startTimer();
    const workWith = (db: Kysely<Tables>): Promise<T> => work({ db, afterCommit: neverCommits });
    try {
      return await withRetry(() => (staleOk ? this.#replica.read(workWith) : workWith(this.#reader)));
    } finally {
      end();
    }
  }

  /** @throws if the database does not answer or was never migrated */
  async ping(): Promise<void> {
    await sql`select 1 from kysely_migration`.execute(this.#reader);
  }

  /** The number of connections by state. */
  connections(): { in_use: number; idle: number } {
    const [own, ofReplica] = [this.#count(), this.#replica.connections()];
    return { in_use: own.in_use + ofReplica.in_use, idle: own.idle + ofReplica.idle };
  }

  async close(): Promise<void> {
    await this.#replica.close();
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
