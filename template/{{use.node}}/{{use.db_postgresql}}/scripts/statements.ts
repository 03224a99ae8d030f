import { Client } from 'pg';

/** Drops a database, though connections to it are open. */
export function dropStatement(database: string): string {
  return `drop database ${database} with (force)`;
}

/** Execute a statement on a connection of its own. */
export async function execute(url: string, statement: string): Promise<void> {
  const client = new Client(url);
  await client.connect();
  await client.query(statement);
  await client.end();
}
