import { createConnection } from 'mysql2/promise';

import { connectionOptions } from '../src/dialect.ts';

/** Drops a database, though connections to it are open. */
export function dropStatement(database: string): string {
  return `drop database ${database}`;
}

/** Execute a statement on a connection of its own. */
export async function execute(url: string, statement: string): Promise<void> {
  const connection = await createConnection(connectionOptions(url));
  await connection.query(statement);
  await connection.end();
}
