import { randomUUID } from 'node:crypto';

import { settingsOrExit } from '../src/config/index.ts';
import { dropStatement, execute } from './statements.ts';

/** An empty database on a server, for a script or a test: its URL, and a function that removes it. */
export async function createEmptyDatabase(
  server = settingsOrExit().databaseUrl,
): Promise<{ url: string; drop: () => Promise<void> }> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await execute(server, `create database ${name}`);
  const url = new URL(server);
  url.pathname = name;
  return { url: url.href, drop: () => execute(server, dropStatement(name)) };
}
