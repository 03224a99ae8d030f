/**
 * A thread that runs the statements of one connection, because the driver of Node is synchronous: a commit waits for
 * the disk, and SQLite itself waits up to 10 seconds while another process locks all of the file.
 */

import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';

import { openFile } from './file.ts';

export interface ThreadData {
  file: string;
  foreignKeys: boolean;
}

export interface Request {
  id: number;
  sql: string;
  parameters: readonly unknown[];
  /** When the caller stops to wait, in milliseconds since 1970. The statement is skipped afterwards. */
  validUntil: number;
}

export interface Answer {
  id: number;
  result?: { rows: Record<string, unknown>[]; changes?: number | bigint };
  error?: { message: string; errcode: number };
}

type Decode = (value: SQLOutputValue) => unknown;

const MAX_STATEMENTS = 500;
const DECODERS: Record<string, Decode> = {
  timestamp: (value) => new Date(String(value)),
  money: (value) => BigInt(String(value)),
  boolean: (value) => value === 1,
};

class Connection {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, PreparedStatement>();

  constructor({ file, foreignKeys }: ThreadData) {
    this.#database = openFile(file, { foreignKeys });
    this.#database.exec('pragma journal_mode = wal');
    // A commit returns when it is on the disk. With NORMAL, a power failure could undo it.
    this.#database.exec('pragma synchronous = full');
  }

  execute({ sql, parameters }: Request): NonNullable<Answer['result']> {
    return this.#prepare(sql).execute(parameters);
  }

  #prepare(sql: string): PreparedStatement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      if (this.#statements.size >= MAX_STATEMENTS) this.#statements.clear();
      statement = new PreparedStatement(this.#database.prepare(sql));
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

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

  execute(parameters: readonly unknown[]): NonNullable<Answer['result']> {
    const values = parameters.map(encode);
    if (!this.#returnsRows) return { rows: [], changes: this.#statement.run(...values).changes };
    const rows: Record<string, unknown>[] = this.#statement.all(...values);
    for (const row of rows) {
      for (const [name, decode] of this.#decoders) {
        if (row[name] !== null) row[name] = decode(row[name] as SQLOutputValue);
      }
    }
    return { rows };
  }
}

function encode(value: unknown): SQLInputValue {
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'boolean' ? Number(value) : (value as SQLInputValue);
}

let connection: Connection | undefined;

parentPort?.on('message', (request: Request) => {
  if (Date.now() < request.validUntil) parentPort?.postMessage(answer(request));
});

function answer(request: Request): Answer {
  const { id } = request;
  try {
    // If the file cannot be opened, the next statement tries again.
    connection ??= new Connection(workerData as ThreadData);
    return { id, result: connection.execute(request) };
  } catch (error) {
    const { message, errcode = 0 } = error as Error & { errcode?: number };
    return { id, error: { message, errcode } };
  }
}
