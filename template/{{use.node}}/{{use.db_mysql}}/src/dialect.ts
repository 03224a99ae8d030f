/** Everything that is specific to MySQL and MariaDB. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Expression,
  Kysely,
  MysqlAdapter,
  MysqlIntrospector,
  MysqlQueryCompiler,
  type QueryResult,
  type RawBuilder,
  type SelectQueryBuilder,
  sql,
  type SqlBool,
} from 'kysely';
import {
  type ConnectionOptions,
  createPool,
  type Pool,
  type PoolConnection,
  type ResultSetHeader,
} from 'mysql2/promise';

import type { Settings } from './config/index.ts';
import type { Session } from './database.ts';
import type { Tables } from './tables.ts';

/** The column types of migrations. */
export const columns = {
  id: 'char(36)',
  text: (length: number) => sql`varchar(${sql.lit(length)})`,
  longText: sql`longtext`,
  timestamp: sql`datetime(3)`,
  boolean: 'boolean',
  money: 'bigint',
} as const;

const CONNECT_TIMEOUT_SECONDS = 3;
/** The server closes a connection that was idle for so long. */
const IDLE_TIMEOUT_SECONDS = 3600;
const MIGRATION_LOCK_SECONDS = 3600;
const TRY_LOCK = 'select get_lock(';

const DUPLICATE = 1062;
const DEADLOCK = 1213;
const NO_SUCH_TABLE = 1146;
const OUTAGES = new Set([
  // Too many connections, out of resources.
  1040, 1041, 1203, 1226,
  // The server stops, or an operator has stopped the statement or the connection.
  1053, 1317, 1927,
  // The server is read-only.
  1290, 1792, 1836,
  // The disk is full.
  1021, 1114,
  // The lock of another transaction.
  1205, 1213,
  // The statement takes too long: of MariaDB, of MySQL.
  1969, 3024,
]);
const MISCONFIGURED = new Set([
  // The server refuses the user or the password, or has no such database.
  1044, 1045, 1049,
  // The server expects another way to authenticate.
  1698,
]);

/** Pools for transactions and for reads, so that reads do not wait for transactions that wait for locks. */
export function createConnections(settings: Settings) {
  const writing = new MysqlDriver(poolOptions(settings, settings.databaseUrl));
  const reading = new MysqlDriver(poolOptions(settings, settings.databaseUrl));
  return {
    writer: new Kysely<Tables>({ dialect: new Mysql(writing) }),
    reader: new Kysely<Tables>({ dialect: new Mysql(reading) }),
    count: () => countConnections([writing, reading]),
  };
}

/** A pool for reads on the replica. Undefined without `DATABASE_REPLICA_URL`. */
export function createReplicaConnections(settings: Settings) {
  if (settings.databaseReplicaUrl === undefined) return undefined;
  const driver = new MysqlDriver(poolOptions(settings, settings.databaseReplicaUrl));
  return { reader: new Kysely<Tables>({ dialect: new Mysql(driver) }), count: () => countConnections([driver]) };
}

/** A connection for migrations. Only one process migrates at a time, and no statement has a timeout. */
export function createMigrationDatabase({ databaseUrl, databaseAcquireTimeoutSeconds }: Settings): Kysely<unknown> {
  const driver = new MysqlDriver({ url: databaseUrl, size: 1, acquireSeconds: databaseAcquireTimeoutSeconds });
  return new Kysely<unknown>({ dialect: new Mysql(driver) });
}

/** Take the lock of a key until the transaction ends. False if another transaction has it. */
export async function tryLock({ db }: Session, key: string): Promise<boolean> {
  // A name has at most 64 characters. Locks belong to the server: those of other databases have other names.
  const hash = createHash('sha256').update(key).digest('hex');
  const query = sql<{ taken: unknown }>`${sql.raw(TRY_LOCK)}sha2(concat(database(), ${hash}), 256), 0) as taken`;
  const { rows } = await query.execute(db);
  return Number(rows[0]?.taken) === 1;
}

/** Lock the selected rows until the transaction ends. Waits for the transactions that have locked them. */
export function forUpdate<DB, TB extends keyof DB, O>(query: SelectQueryBuilder<DB, TB, O>): typeof query {
  return query.forUpdate();
}

/** The rows that no other transaction has locked. They are locked until the transaction ends. */
export function skipLocked<DB, TB extends keyof DB, O>(query: SelectQueryBuilder<DB, TB, O>): typeof query {
  return query.forUpdate().skipLocked();
}

/** Whether two columns of a row are less than two values. MySQL uses no index to compare tuples. */
export function isLess(names: readonly [string, string], values: readonly [unknown, unknown]): RawBuilder<SqlBool> {
  const [first, second] = names.map((name) => sql.ref(name));
  return sql<SqlBool>`(${first} <= ${values[0]} and (${first} < ${values[0]} or ${second} < ${values[1]}))`;
}

/** Whether a statement violates the unique constraint of these columns of a table. */
export function isDuplicate(error: unknown, table: string, names: readonly string[]): boolean {
  // MySQL puts the table before the name of the constraint, MariaDB does not.
  const [, violated] = (hasCode(error, DUPLICATE) && /for key '(?:\w+\.)?(\w+)'$/.exec(error.message)) || [];
  return violated === `uq_${table}_${names.join('_')}`;
}

/** Whether the same work may succeed at once: it was rolled back for the sake of another transaction. */
export function isRetryable(error: unknown): boolean {
  return hasCode(error, DEADLOCK);
}

/** Whether the database failed, and not the statement. The same request may succeed later. */
export function isOutage(error: unknown): boolean {
  return error instanceof Outage || (isServerError(error) && OUTAGES.has(error.errno));
}

/** Whether no retry helps, because the server refuses the configured user, password or database. */
export function isMisconfigured(error: unknown): boolean {
  return isServerError(error) && MISCONFIGURED.has(error.errno);
}

/** Whether the statement names a table that no migration has created yet. */
export function lacksTable(error: unknown): boolean {
  return hasCode(error, NO_SUCH_TABLE);
}

/** How to connect to the server of a URL. */
export function connectionOptions(databaseUrl: string): ConnectionOptions {
  const { hostname, port, username, password, pathname, searchParams } = new URL(databaseUrl);
  const ca = searchParams.get('ssl_ca');
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(port || 3306),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: decodeURIComponent(pathname.slice(1)),
    connectTimeout: CONNECT_TIMEOUT_SECONDS * 1000,
    ...(ca !== null && { ssl: { ca: readFileSync(ca), verifyIdentity: true } }),
  };
}

/** There is no connection, or it was lost. */
class Outage extends Error {
  constructor(cause: unknown) {
    const { message, code = 'no connection' } = cause as NodeJS.ErrnoException;
    // Node tries all addresses of a host. Then the error has a code, but no message.
    super(message || code, { cause });
  }
}

interface ServerError extends Error {
  errno: number;
  sqlState: string;
  fatal?: boolean;
  sql?: string;
}

function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && 'sqlState' in error;
}

function hasCode(error: unknown, errno: number): error is ServerError {
  return isServerError(error) && error.errno === errno;
}

interface PoolOptions {
  url: string;
  size: number;
  acquireSeconds: number;
  /** Undefined for no limit. */
  statementSeconds?: number;
}

function poolOptions(settings: Settings, url: string): PoolOptions {
  return {
    url,
    size: settings.databasePoolSize,
    acquireSeconds: settings.databaseAcquireTimeoutSeconds,
    statementSeconds: settings.databaseStatementTimeoutSeconds,
  };
}

function countConnections(drivers: readonly MysqlDriver[]): { in_use: number; idle: number } {
  const inUse = drivers.reduce((sum, driver) => sum + driver.inUse, 0);
  return { in_use: inUse, idle: drivers.reduce((sum, driver) => sum + driver.open, 0) - inUse };
}

class Mysql implements Dialect {
  readonly #driver: MysqlDriver;

  constructor(driver: MysqlDriver) {
    this.#driver = driver;
  }

  createDriver = () => this.#driver;
  createQueryCompiler = () => new MysqlQueryCompiler();
  createAdapter = () => new Adapter();
  createIntrospector = (db: Kysely<unknown>) => new MysqlIntrospector(db);
}

class Adapter extends MysqlAdapter {
  /** The lock of Kysely would be one for all databases of the server. */
  override async acquireMigrationLock(db: Kysely<unknown>): Promise<void> {
    await sql`select get_lock(${this.#lock}, ${sql.lit(MIGRATION_LOCK_SECONDS)})`.execute(db);
    // New tables have the collation of the database. These tell all texts apart, even 'a', 'A' and 'a '.
    const { rows } = await sql<{ mariadb: unknown }>`select version() like '%MariaDB%' as mariadb`.execute(db);
    const collation = Number(rows[0]?.mariadb) === 1 ? 'utf8mb4_nopad_bin' : 'utf8mb4_0900_bin';
    await sql`alter database character set utf8mb4 collate ${sql.raw(collation)}`.execute(db);
  }

  override async releaseMigrationLock(db: Kysely<unknown>): Promise<void> {
    await sql`select release_lock(${this.#lock})`.execute(db);
  }

  get #lock(): Expression<string> {
    return sql`sha2(concat(database(), '.migrations'), 256)`;
  }
}

/** The driver of Kysely waits for a connection without a limit, and cannot release the locks of a transaction. */
class MysqlDriver implements Driver {
  readonly #options: PoolOptions;
  readonly #pool: Pool;
  readonly #open = new Set<unknown>();
  readonly #prepared = new WeakSet();
  inUse = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#pool = createPool({
      ...connectionOptions(options.url),
      connectionLimit: options.size,
      timezone: 'Z',
      typeCast: (field, next) => {
        if (field.type === 'LONGLONG') return mapped(field.string(), BigInt);
        // The type of BOOLEAN.
        if (field.type === 'TINY' && field.length === 1) return mapped(field.string(), (digit) => digit === '1');
        return next();
      },
    });
    this.#pool.pool.on('connection', (connection) => {
      this.#open.add(connection);
      const forget = (): void => void this.#open.delete(connection);
      // Without a listener, the loss of a connection would end the process. A statement that uses it reports the error.
      connection.on('error', forget).on('end', forget);
    });
  }

  get open(): number {
    return this.#open.size;
  }

  init = () => Promise.resolve();

  async acquireConnection(): Promise<DatabaseConnection> {
    try {
      const connection = await this.#connect();
      await this.#prepare(connection);
      this.inUse += 1;
      return new MysqlConnection(connection, this.#options.statementSeconds);
    } catch (error) {
      throw isServerError(error) ? error : new Outage(error);
    }
  }

  async beginTransaction(connection: MysqlConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin'));
  }

  async commitTransaction(connection: MysqlConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'));
  }

  async rollbackTransaction(connection: MysqlConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('rollback'));
  }

  async releaseConnection(connection: MysqlConnection): Promise<void> {
    await connection.release();
    this.inUse -= 1;
  }

  async destroy(): Promise<void> {
    // A connection that the server does not answer on is closed all the same.
    await this.#pool.end().catch(() => undefined);
  }

  /** Wait for a connection that is free, or for a new one. One that comes too late goes back to the pool. */
  async #connect(): Promise<PoolConnection> {
    const connecting = this.#pool.getConnection();
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      reject(new Error('no connection became free in time'));
      connecting.then(
        (connection) => connection.release(),
        () => undefined,
      );
    }, this.#options.acquireSeconds * 1000);
    return Promise.race([connecting, late]).finally(() => clearTimeout(timer));
  }

  /** Set the variables of a new connection. */
  async #prepare(connection: PoolConnection): Promise<void> {
    if (this.#prepared.has(connection.connection)) return;
    try {
      for (const statement of sessionSettings(this.#options.statementSeconds)) {
        await connection.query({ sql: statement, timeout: CONNECT_TIMEOUT_SECONDS * 1000 });
      }
      this.#prepared.add(connection.connection);
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }
}

/** A connection of the pool while somebody uses it. */
class MysqlConnection implements DatabaseConnection {
  readonly #connection: PoolConnection;
  readonly #timeout: number | undefined;
  #holdsLocks = false;
  #failure: Outage | undefined;

  constructor(connection: PoolConnection, statementSeconds: number | undefined) {
    this.#connection = connection;
    // If the network is cut, nothing else ends the wait for an answer.
    this.#timeout = statementSeconds === undefined ? undefined : (statementSeconds + 1) * 1000;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    // Behind a statement that got no answer, the rollback of its transaction would wait in vain, too.
    if (this.#failure !== undefined) throw this.#failure;
    if (query.sql.startsWith(TRY_LOCK)) this.#holdsLocks = true;
    try {
      const statement = {
        sql: query.sql,
        values: [...query.parameters],
        ...(this.#timeout && { timeout: this.#timeout }),
      };
      const [result] = await this.#connection.query(statement);
      if (Array.isArray(result)) return { rows: result as R[] };
      return { rows: [], numAffectedRows: BigInt((result as ResultSetHeader).affectedRows) };
    } catch (error) {
      if (!isServerError(error)) throw (this.#failure = new Outage(error));
      // It holds all values of the statement, and errors are logged.
      delete error.sql;
      if (error.fatal === true) this.#failure = new Outage(error);
      throw error;
    }
  }

  // oxlint-disable-next-line require-yield -- nothing uses streams of rows, but the interface asks for this method
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('rows are not streamed');
  }

  /** Give the connection back to the pool. Its locks would outlive the transaction. A broken one is closed. */
  async release(): Promise<void> {
    try {
      if (this.#holdsLocks) await this.executeQuery(CompiledQuery.raw('do release_all_locks()'));
    } catch {
      this.#connection.destroy();
    }
    if (this.#failure === undefined) this.#connection.release();
    else this.#connection.destroy();
  }
}

function mapped<T>(text: string | null, convert: (text: string) => T): T | null {
  return text === null ? null : convert(text);
}

/** Statements that every connection begins with. */
function sessionSettings(statementSeconds: number | undefined): string[] {
  const settings = [
    'set session transaction isolation level read committed',
    // TRADITIONAL refuses a value that does not fit, instead of changing it.
    `set sql_mode = 'TRADITIONAL', time_zone = '+00:00', wait_timeout = ${IDLE_TIMEOUT_SECONDS}`,
  ];
  if (statementSeconds !== undefined) {
    // MySQL limits only SELECT; a change ends at the latest when it has waited for a lock of a row or a table. The
    // number in the comment hides a variable from MariaDB, and M hides one from MySQL.
    const seconds = Math.max(1, Math.trunc(statementSeconds));
    const ofMysql = `/*!80000 , max_execution_time = ${Math.trunc(statementSeconds * 1000)} */`;
    const ofMariaDb = `/*M! , max_statement_time = ${statementSeconds} */`;
    settings.push(`set innodb_lock_wait_timeout = ${seconds}, lock_wait_timeout = ${seconds} ${ofMysql} ${ofMariaDb}`);
  }
  return settings;
}
