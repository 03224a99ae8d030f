/** Everything that is specific to PostgreSQL. */

import { createHash } from 'node:crypto';

import {
  Kysely,
  PostgresDialect,
  type PostgresPool,
  type PostgresPoolClient,
  type RawBuilder,
  type SelectQueryBuilder,
  sql,
  type SqlBool,
} from 'kysely';
import { DatabaseError, Pool as ClientPool, type PoolClient, type PoolConfig, type QueryResult, types } from 'pg';

import type { Settings } from './config/index.ts';
import type { Session } from './database.ts';
import { log } from './logs.ts';
import type { Tables } from './tables.ts';

/** The column types of migrations. */
export const columns = {
  id: 'uuid',
  text: (length: number) => sql`varchar(${sql.lit(length)})`,
  longText: 'text',
  timestamp: sql`timestamptz(3)`,
  boolean: 'boolean',
  money: 'bigint',
} as const;

const MAX_STATEMENTS = 500;
const IDLE_TIMEOUT_SECONDS = 600;
/** Classes and codes of SQLSTATE. */
const OUTAGES = [
  '08', // connection failed
  '40', // rolled back by the server, such as after a deadlock
  '53', // resources are exhausted
  '55', // lock not available
  '57', // stopped by an operator or a timeout
  '58', // system error
  '25006', // the server is read-only
];
const MISCONFIGURED = [
  '28', // authorization failed
  '3D000', // unknown database
];
const RETRYABLE = [
  '40001', // serialization failure
  '40P01', // deadlock
];
const UNIQUE_VIOLATION = '23505';
const UNDEFINED_TABLE = '42P01';

/** Pools for transactions and for reads, so that reads do not wait for transactions that wait for locks. */
export function createConnections(settings: Settings) {
  const writing = createPool(settings, settings.databaseUrl);
  const reading = createPool(settings, settings.databaseUrl);
  return {
    writer: new Kysely<Tables>({ dialect: new PostgresDialect({ pool: writing }) }),
    reader: new Kysely<Tables>({ dialect: new PostgresDialect({ pool: reading }) }),
    count: () => countConnections([writing, reading]),
  };
}

/** A pool for reads on the replica. Undefined without `DATABASE_REPLICA_URL`. */
export function createReplicaConnections(settings: Settings) {
  if (settings.databaseReplicaUrl === undefined) return undefined;
  const pool = createPool(settings, settings.databaseReplicaUrl);
  const reader = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  return { reader, count: () => countConnections([pool]) };
}

/** A connection for migrations. Only one process migrates at a time, and no statement has a timeout. */
export function createMigrationDatabase({ databaseUrl, databaseAcquireTimeoutSeconds }: Settings): Kysely<unknown> {
  const connectionTimeoutMillis = databaseAcquireTimeoutSeconds * 1000;
  const pool = new Pool({ connectionString: databaseUrl, max: 1, connectionTimeoutMillis });
  return new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
}

/** Take the lock of a key until the transaction ends. False if another transaction has it. */
export async function tryLock({ db }: Session, key: string): Promise<boolean> {
  const hash = createHash('sha256').update(key).digest().readBigInt64BE();
  const { rows } = await sql<{ taken: boolean }>`select pg_try_advisory_xact_lock(${hash}) as taken`.execute(db);
  return rows[0]?.taken === true;
}

/** Lock the selected rows until the transaction ends. Waits for the transactions that have locked them. */
export function forUpdate<DB, TB extends keyof DB, O>(query: SelectQueryBuilder<DB, TB, O>): typeof query {
  return query.forUpdate();
}

/** The rows that no other transaction has locked. They are locked until the transaction ends. */
export function skipLocked<DB, TB extends keyof DB, O>(query: SelectQueryBuilder<DB, TB, O>): typeof query {
  return query.forUpdate().skipLocked();
}

/** Whether two columns of a row are less than two values. */
export function isLess(names: readonly [string, string], values: readonly [unknown, unknown]): RawBuilder<SqlBool> {
  const [first, second] = names.map((name) => sql.ref(name));
  return sql<SqlBool>`(${first}, ${second}) < (${values[0]}, ${values[1]})`;
}

/** Whether a statement violates the unique constraint of these columns of a table. */
export function isDuplicate(error: unknown, table: string, names: readonly string[]): boolean {
  const name = `uq_${table}_${names.join('_')}`;
  return isServerError(error) && error.code === UNIQUE_VIOLATION && error.constraint === name;
}

/** Whether the same work may succeed at once: it was rolled back for the sake of another transaction, or a table changed. */
export function isRetryable(error: unknown): boolean {
  return error instanceof TableChanged || hasCode(error, RETRYABLE);
}

/** Whether the database failed, and not the statement. The same request may succeed later. */
export function isOutage(error: unknown): boolean {
  return error instanceof Outage || error instanceof TableChanged || hasCode(error, OUTAGES);
}

/** Whether no retry helps, because the server refuses the configured user, password or database. */
export function isMisconfigured(error: unknown): boolean {
  return hasCode(error, MISCONFIGURED);
}

/** Whether the statement names a table that no migration has created yet. */
export function lacksTable(error: unknown): boolean {
  return hasCode(error, [UNDEFINED_TABLE]);
}

/** There is no connection, or it was lost. */
class Outage extends Error {
  constructor(cause: unknown) {
    const { message, code = 'no connection' } = cause as NodeJS.ErrnoException;
    // Node tries all addresses of a host. Then the error has a code, but no message.
    super(message || code, { cause });
  }
}

/** A migration has changed the columns that a prepared statement returns. */
class TableChanged extends Error {}

function createPool(settings: Settings, url: string): Pool {
  const milliseconds = settings.databaseStatementTimeoutSeconds * 1000;
  return new Pool({
    connectionString: url,
    max: settings.databasePoolSize,
    // For a connection that is free, and for a new one.
    connectionTimeoutMillis: settings.databaseAcquireTimeoutSeconds * 1000,
    idleTimeoutMillis: IDLE_TIMEOUT_SECONDS * 1000,
    keepAlive: true,
    options: '-c TimeZone=UTC',
    statement_timeout: milliseconds,
    // If the network is cut, nothing else ends the wait for an answer.
    query_timeout: milliseconds + 1000,
  });
}

function countConnections(pools: readonly Pool[]): { in_use: number; idle: number } {
  const sum = (count: (pool: Pool) => number): number => pools.reduce((total, pool) => total + count(pool), 0);
  return { in_use: sum((pool) => pool.inUse), idle: sum((pool) => pool.idle) };
}

/** What Kysely needs of a pool. Statements are prepared once in each connection, and a lost connection is replaced. */
class Pool implements PostgresPool {
  readonly options = {};
  readonly #pool: ClientPool;
  readonly #names = new StatementNames();

  constructor(config: PoolConfig) {
    this.#pool = new ClientPool(config);
    // Without listeners, the loss of a connection would end the process. Those in use report it to their statement.
    this.#pool.on('error', (error) => log.warn({ reason: String(error) }, 'idle database connection lost'));
    this.#pool.on('connect', (client) => {
      client.on('error', () => undefined);
      client.setTypeParser(types.builtins.INT8, BigInt);
    });
  }

  get inUse(): number {
    return this.#pool.totalCount - this.#pool.idleCount;
  }

  get idle(): number {
    return this.#pool.idleCount;
  }

  async connect(): Promise<PostgresPoolClient> {
    try {
      return new Connection(await this.#pool.connect(), this.#names);
    } catch (error) {
      throw isServerError(error) ? error : new Outage(error);
    }
  }

  end(): Promise<void> {
    return this.#pool.end();
  }
}

/** A connection of the pool while somebody uses it. */
class Connection implements PostgresPoolClient {
  readonly #client: PoolClient;
  readonly #names: StatementNames;
  #failure: Outage | undefined;

  constructor(client: PoolClient, names: StatementNames) {
    this.#client = client;
    this.#names = names;
  }

  // The other overload is for cursors, which nothing uses.
  query = ((text: string, values: readonly unknown[]) =>
    this.#query(text, values)) as unknown as PostgresPoolClient['query'];

  release(isBroken = false): void {
    // The pool closes a connection that is broken, and opens another one when it needs it.
    this.#client.release(isBroken || this.#failure !== undefined);
  }

  async #query(text: string, values: readonly unknown[]): Promise<QueryResult> {
    // Behind a statement that got no answer, the rollback of its transaction would wait in vain, too.
    if (this.#failure !== undefined) throw this.#failure;
    const name = values.length > 0 ? this.#names.get(text) : undefined;
    try {
      return await this.#client.query({ ...(name !== undefined && { name }), text, values: [...values] });
    } catch (error) {
      if (!isServerError(error)) throw (this.#failure = new Outage(error));
      // It holds values of rows, and errors are logged.
      error.detail = undefined;
      if (error.severity === 'FATAL') this.#failure = new Outage(error);
      if (error.routine !== 'RevalidateCachedQuery') throw error;
      this.#names.forget();
      throw new TableChanged(error.message, { cause: error });
    }
  }
}

/** Names for prepared statements. Their number is bounded: the server keeps each one in the memory of each connection. */
class StatementNames {
  readonly #names = new Map<string, string>();
  #count = 0;

  /** Undefined if there are enough names. */
  get(text: string): string | undefined {
    let name = this.#names.get(text);
    if (name === undefined && this.#names.size < MAX_STATEMENTS) {
      this.#count += 1;
      name = `s${this.#count}`;
      this.#names.set(text, name);
    }
    return name;
  }

  /** Let all statements be prepared anew, under other names. */
  forget(): void {
    this.#names.clear();
  }
}

function hasCode(error: unknown, codes: readonly string[]): boolean {
  return isServerError(error) && codes.some((code) => error.code?.startsWith(code));
}

function isServerError(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError;
}
