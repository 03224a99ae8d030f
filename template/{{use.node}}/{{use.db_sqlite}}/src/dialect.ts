/** Everything that is specific to SQLite. One transaction writes at a time, and readers never wait. */

import { existsSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  type QueryResult,
  type SelectQueryBuilder,
  sql,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';

import type { Settings } from './config/index.ts';
import type { Session } from './database.ts';
import type { Tables } from './tables.ts';

/** The column types of migrations. SQLite has few of its own, so the driver converts values by their declared type. */
export const columns = {
  id: 'text',
  text: (length: number) => sql`varchar(${sql.lit(length)})`,
  timestamp: sql`timestamp`,
  boolean: 'boolean',
  money: sql`money`,
} as const;

const RETRY_SECONDS = 0.01;
const MAX_STATEMENTS = 500;
/** Primary result codes: another process holds the file, or the disk is full, fails or is read-only. */
const OUTAGES = new Set([5, 6, 8, 10, 13, 14, 15]);
const NOT_A_DATABASE = 26;
const CONSTRAINT_UNIQUE = 2067;

/** A connection for transactions, which take turns, and one for reads. */
export function createConnections(settings: Settings): { writer: Kysely<Tables>; reader: Kysely<Tables> } {
  return {
    writer: new Kysely<Tables>({ dialect: new Sqlite(settings, { exclusive: true }) }),
    reader: new Kysely<Tables>({ dialect: new Sqlite(settings, { exclusive: false }) }),
  };
}

/** A connection for migrations. Changes of the schema are transactional, and only one process migrates at a time. */
export function createMigrationDatabase(settings: Settings): Kysely<unknown> {
  // With foreign keys on, rebuilding a table would delete the rows that refer to it.
  return new Kysely<unknown>({ dialect: new Sqlite(settings, { exclusive: true, foreignKeys: false }) });
}

/** Always true, because only one transaction writes at a time. */
export function tryLock(_session: Session, _key: string): Promise<boolean> {
  return Promise.resolve(true);
}

/** Lock the selected rows until the transaction ends. They are, because only one transaction writes at a time. */
export function forUpdate<Query extends SelectQueryBuilder<Tables, keyof Tables, unknown>>(query: Query): Query {
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

/** Whether the database failed, and not the statement. The same request may succeed later. */
export function isOutage(error: unknown): boolean {
  return error instanceof Outage || (isSqliteError(error) && OUTAGES.has(error.errcode & 0xff));
}

/** Whether no retry helps, because the configured file is not a database. */
export function isMisconfigured(error: unknown): boolean {
  return isSqliteError(error) && error.errcode === NOT_A_DATABASE;
}

/** Whether the statement names a table that no migration has created yet. */
export function lacksTable(error: unknown): boolean {
  return isSqliteError(error) && error.message.startsWith('no such table');
}

/** Opens the file. @throws Outage if its folder does not exist */
export function openFile(file: string, { readOnly = false, foreignKeys = true } = {}): DatabaseSync {
  const folder = path.dirname(path.resolve(file));
  if (!existsSync(folder)) throw new Outage(`there is no folder ${folder}`);
  return new DatabaseSync(file, { readOnly, enableForeignKeyConstraints: foreignKeys });
}

class Outage extends Error {}

interface SqliteError extends Error {
  errcode: number;
}

function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number';
}

interface ConnectionOptions {
  /** Whether only one caller uses the connection at a time. Else, callers must not open transactions. */
  exclusive: boolean;
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
  createAdapter = () => new UnlockedAdapter();
  createIntrospector = (db: Kysely<unknown>) => new SqliteIntrospector(db);
}

/** Kysely would lock the connection itself, without a timeout, and for ever if the file cannot be opened. */
class UnlockedAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

/** The built-in driver of Node is synchronous, so one connection serves all callers, and there is no pool. */
class SqliteDriver implements Driver {
  readonly #settings: Settings;
  readonly #options: ConnectionOptions;
  readonly #queue: Turns;
  #connection: SqliteConnection | undefined;

  constructor(settings: Settings, options: ConnectionOptions) {
    this.#settings = settings;
    this.#options = options;
    this.#queue = new Turns(settings.databaseAcquireTimeoutSeconds);
  }

  // The file is opened by the first query, and not here: if that fails, the next query tries again.
  init = () => Promise.resolve();

  async acquireConnection(): Promise<DatabaseConnection> {
    if (this.#options.exclusive) await this.#queue.take();
    try {
      return (this.#connection ??= new SqliteConnection(this.#settings, this.#options));
    } catch (error) {
      if (this.#options.exclusive) this.#queue.pass();
      throw error;
    }
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
    if (this.#options.exclusive) this.#queue.pass();
    return Promise.resolve();
  }

  destroy(): Promise<void> {
    this.#connection?.close();
    this.#connection = undefined;
    return Promise.resolve();
  }
}

class SqliteConnection implements DatabaseConnection {
  readonly #database: DatabaseSync;
  readonly #busySeconds: number;
  readonly #statements = new Map<string, PreparedStatement>();

  constructor(settings: Settings, { foreignKeys = true }: ConnectionOptions) {
    this.#busySeconds = settings.databaseBusyTimeoutSeconds;
    this.#database = openFile(settings.databaseFile, { foreignKeys });
    this.#database.exec('pragma journal_mode = wal');
    // A commit returns when it is on the disk. With NORMAL, a power failure could undo it.
    this.#database.exec('pragma synchronous = full');
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const statement = this.#prepare(query.sql);
    const deadline = performance.now() + this.#busySeconds * 1000;
    for (;;) {
      try {
        return statement.execute<R>(query.parameters);
      } catch (error) {
        // The busy handler of SQLite would block the event loop while it waits for another process.
        if (!isBusy(error) || performance.now() >= deadline) throw error;
        await sleep(RETRY_SECONDS * 1000);
      }
    }
  }

  // oxlint-disable-next-line require-yield -- nothing uses streams of rows, but the interface asks for this method
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('SQLite does not stream rows');
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #prepare(text: string): PreparedStatement {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      if (this.#statements.size >= MAX_STATEMENTS) this.#statements.clear();
      statement = new PreparedStatement(this.#database.prepare(text));
      this.#statements.set(text, statement);
    }
    return statement;
  }
}

type Decode = (value: SQLOutputValue) => unknown;

const DECODERS: Record<string, Decode> = {
  timestamp: (value) => new Date(String(value)),
  money: (value) => BigInt(String(value)),
  boolean: (value) => value === 1,
};

/** A statement that is compiled once, with the conversion of the values that it takes and returns. */
class PreparedStatement {
  readonly #statement: StatementSync;
  readonly #decoders: (readonly [string, Decode])[];
  readonly #returnsRows: boolean;

  constructor(statement: StatementSync) {
    const found = statement.columns();
    this.#statement = statement;
    this.#returnsRows = found.length > 0;
    this.#decoders = found.flatMap(({ name, type }) => {
      const decode = DECODERS[type?.toLowerCase() ?? ''];
      return decode ? [[name, decode] as const] : [];
    });
  }

  execute<R>(parameters: readonly unknown[]): QueryResult<R> {
    const values = parameters.map(encode);
    if (!this.#returnsRows) {
      const { changes } = this.#statement.run(...values);
      return { rows: [], numAffectedRows: BigInt(changes) };
    }
    const rows: Record<string, unknown>[] = this.#statement.all(...values);
    for (const row of rows) {
      for (const [name, decode] of this.#decoders) {
        if (row[name] !== null) row[name] = decode(row[name] as SQLOutputValue);
      }
    }
    return { rows: rows as R[] };
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

function encode(value: unknown): SQLInputValue {
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'boolean' ? Number(value) : (value as SQLInputValue);
}

function isBusy(error: unknown): boolean {
  return isSqliteError(error) && (error.errcode & 0xff) === 5;
}
