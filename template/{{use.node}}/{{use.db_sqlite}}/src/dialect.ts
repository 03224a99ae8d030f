/** Everything that is specific to SQLite. One transaction writes at a time, and readers never wait. */

import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  type QueryResult,
  type RawBuilder,
  type SelectQueryBuilder,
  sql,
  type SqlBool,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';

import type { Settings } from './config/index.ts';
import type { Session } from './database.ts';
import { CANNOT_OPEN, SqliteError } from './sqlite/file.ts';
import type { Answer, Request, ThreadData } from './sqlite/thread.ts';
import type { Tables } from './tables.ts';

/** The column types of migrations. SQLite has few of its own, so the driver converts values by their declared type. */
export const columns = {
  id: 'text',
  text: (length: number) => sql`varchar(${sql.lit(length)})`,
  longText: 'text',
  timestamp: sql`timestamp`,
  boolean: 'boolean',
  money: sql`money`,
} as const;

const RETRY_SECONDS = 0.01;
const BUSY = 5;
/** Primary result codes: another process holds the file, or the disk is full, fails or is read-only. */
const OUTAGES = new Set([BUSY, 6, 8, 10, 13, CANNOT_OPEN, 15]);
const NOT_A_DATABASE = 26;
const CONSTRAINT_UNIQUE = 2067;
/** The compiled service has other names of files than its source. */
const THREAD = new URL(`./sqlite/thread${path.extname(import.meta.url)}`, import.meta.url);

/** A connection for transactions, which take turns, and one for reads. */
export function createConnections(settings: Settings) {
  const turns = new Turns(settings.databaseAcquireTimeoutSeconds);
  return {
    writer: new Kysely<Tables>({ dialect: new Sqlite(settings, { turns }) }),
    reader: new Kysely<Tables>({ dialect: new Sqlite(settings, {}) }),
    count: () => (turns.areTaken ? { in_use: 1, idle: 1 } : { in_use: 0, idle: 2 }),
  };
}

/** A connection for migrations. Changes of the schema are transactional, and only one process migrates at a time. */
export function createMigrationDatabase(settings: Settings): Kysely<unknown> {
  // With foreign keys on, rebuilding a table would delete the rows that refer to it.
  const turns = new Turns(settings.databaseAcquireTimeoutSeconds);
  return new Kysely<unknown>({ dialect: new Sqlite(settings, { turns, foreignKeys: false }) });
}

/** Always true, because only one transaction writes at a time. */
export function tryLock(_session: Session, _key: string): Promise<boolean> {
  return Promise.resolve(true);
}

/** Whether two columns of a row are less than two values. */
export function isLess(names: readonly [string, string], values: readonly [unknown, unknown]): RawBuilder<SqlBool> {
  const [first, second] = names.map((name) => sql.ref(name));
  return sql<SqlBool>`(${first}, ${second}) < (${values[0]}, ${values[1]})`;
}

/** Lock the selected rows until the transaction ends. They are, because only one transaction writes at a time. */
export function forUpdate<DB, TB extends keyof DB, O>(query: SelectQueryBuilder<DB, TB, O>): typeof query {
  return query;
}

/** The rows that no other transaction has locked: all, because only one transaction writes at a time. */
export function skipLocked<DB, TB extends keyof DB, O>(query: SelectQueryBuilder<DB, TB, O>): typeof query {
  return query;
}

/** Whether a statement violates the unique constraint of these columns of a table. */
export function isDuplicate(error: unknown, table: string, names: readonly string[]): boolean {
  return (
    isSqliteError(error) &&
    error.errcode === CONSTRAINT_UNIQUE &&
    error.message.endsWith(`: ${names.map((name) => `${table}.${name}`).join(', ')}`)
  );
}

/** Always false, because SQLite rolls no transaction back for the sake of another one. */
export function isRetryable(_error: unknown): boolean {
  return false;
}

/** Whether the database failed, and not the statement. The same request may succeed later. */
export function isOutage(error: unknown): boolean {
  return error instanceof Outage || (isSqliteError(error) && OUTAGES.has(primaryCode(error)));
}

/** Whether no retry helps, because the configured file is not a database. */
export function isMisconfigured(error: unknown): boolean {
  return isSqliteError(error) && error.errcode === NOT_A_DATABASE;
}

/** Whether the statement names a table that no migration has created yet. */
export function lacksTable(error: unknown): boolean {
  return isSqliteError(error) && error.message.startsWith('no such table');
}

class Outage extends Error {}

/** Whether SQLite has thrown it, in a thread or, for a backup, in this one. */
function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number';
}

interface ConnectionOptions {
  /** Lets only one caller use the connection at a time. Without, callers must not open transactions. */
  turns?: Turns;
  foreignKeys?: boolean;
}

class Sqlite implements Dialect {
  readonly #settings: Settings;
  readonly #options: ConnectionOptions;

  constructor(settings: Settings, options: ConnectionOptions) {
    this.#settings = settings;
    this.#options = options;
  }

  createDriver = () => new SqliteDriver(this.#settings, this.#options);
  createQueryCompiler = () => new SqliteQueryCompiler();
  createAdapter = () => new Adapter();
  createIntrospector = (db: Kysely<unknown>) => new SqliteIntrospector(db);
}

class Adapter extends SqliteAdapter {
  /** Kysely would lock the connection itself, without a timeout, and for ever if the file cannot be opened. */
  override get supportsMultipleConnections(): boolean {
    return true;
  }

  /** All migrations run in one transaction. A second process waits, and then finds nothing to do. */
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** One connection serves all callers, and there is no pool: its thread runs one statement after the other. */
class SqliteDriver implements Driver {
  readonly #settings: Settings;
  readonly #options: ConnectionOptions;
  #connection: SqliteConnection | undefined;

  constructor(settings: Settings, options: ConnectionOptions) {
    this.#settings = settings;
    this.#options = options;
  }

  init = () => Promise.resolve();

  async acquireConnection(): Promise<DatabaseConnection> {
    await this.#options.turns?.take();
    return (this.#connection ??= new SqliteConnection(this.#settings, this.#options));
  }

  async beginTransaction(connection: SqliteConnection): Promise<void> {
    // Take the write lock at the start. A transaction that has already read could not wait for it: it would fail.
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }

  async commitTransaction(connection: SqliteConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'));
  }

  async rollbackTransaction(connection: SqliteConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('rollback'));
  }

  releaseConnection(): Promise<void> {
    this.#options.turns?.pass();
    return Promise.resolve();
  }

  async destroy(): Promise<void> {
    await this.#connection?.close();
    this.#connection = undefined;
  }
}

/** A connection in a thread of its own, so that nothing that SQLite waits for blocks the event loop. */
class SqliteConnection implements DatabaseConnection {
  readonly #thread: Worker;
  readonly #busySeconds: number;
  readonly #exclusive: boolean;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #statements = 0;

  constructor(settings: Settings, { turns, foreignKeys = true }: ConnectionOptions) {
    const workerData: ThreadData = { file: settings.databaseFile, foreignKeys };
    this.#busySeconds = settings.databaseBusyTimeoutSeconds;
    this.#exclusive = turns !== undefined;
    this.#thread = new Worker(THREAD, { workerData });
    this.#thread.on('message', (answer: Answer) => this.#waiting.get(answer.id)?.(answer));
  }

  async executeQuery<R>({ sql: text, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const deadline = Date.now() + this.#busySeconds * 1000;
    for (;;) {
      try {
        return (await this.#run(text, parameters, deadline)) as QueryResult<R>;
      } catch (error) {
        // In the thread, a process that exits would have to wait for the busy handler of SQLite.
        if (!isSqliteError(error) || primaryCode(error) !== BUSY || Date.now() >= deadline) throw error;
        await sleep(RETRY_SECONDS * 1000);
      }
    }
  }

  // oxlint-disable-next-line require-yield -- nothing uses streams of rows, but the interface asks for this method
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('SQLite does not stream rows');
  }

  async close(): Promise<void> {
    await this.#thread.terminate();
  }

  async #run(text: string, parameters: readonly unknown[], deadline: number): Promise<QueryResult<unknown>> {
    const id = (this.#statements += 1);
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    // Whether a statement of a transaction has run must be known, however long it takes.
    const validUntil = this.#exclusive ? Infinity : deadline;
    const late = () => reject(new Outage('the file did not answer in time'));
    const timer = this.#exclusive ? undefined : setTimeout(late, deadline - Date.now());
    this.#waiting.set(id, resolve);
    this.#thread.postMessage({ id, sql: text, parameters, validUntil } satisfies Request);
    try {
      const { result, error } = await promise;
      if (error) throw new SqliteError(error.message, error.errcode);
      const { rows = [], changes } = result ?? {};
      return { rows, ...(changes !== undefined && { numAffectedRows: BigInt(changes) }) };
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }
}

/** One caller at a time, in the order in which they ask. */
class Turns {
  readonly #timeoutSeconds: number;
  readonly #waiting: (() => void)[] = [];
  #taken = false;

  constructor(timeoutSeconds: number) {
    this.#timeoutSeconds = timeoutSeconds;
  }

  get areTaken(): boolean {
    return this.#taken;
  }

  async take(): Promise<void> {
    if (!this.#taken) {
      this.#taken = true;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      this.#waiting.splice(this.#waiting.indexOf(resolve), 1);
      reject(new Outage('no connection became free in time'));
    }, this.#timeoutSeconds * 1000);
    this.#waiting.push(resolve);
    await promise.finally(() => clearTimeout(timer));
  }

  pass(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#taken = false;
  }
}

function primaryCode({ errcode }: SqliteError): number {
  return errcode & 0xff;
}
