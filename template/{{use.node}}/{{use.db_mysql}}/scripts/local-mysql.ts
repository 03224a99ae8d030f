/**
 * Runs a command with a MySQL server for development: `node scripts/local-mysql.ts make serve`.
 *
 * If the server of `DATABASE_URL` answers, the command uses it. Otherwise, a server is started on that port. This is the
 * MariaDB or MySQL installed here (it stops after the command, and keeps its data in `.data`) or the container of
 * compose.yaml.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import path from 'node:path';

import { createConnection, escape, escapeId } from 'mysql2/promise';

import { settingsOrExit } from '../src/config/index.ts';
import { connectionOptions, isMisconfigured } from '../src/dialect.ts';
import { LocalServerError, runWith, startContainer, startServer, type Stop } from './local-servers.ts';

if (import.meta.main) await runWith(() => startAt(settingsOrExit().databaseUrl));

/** Make sure that a server answers at a URL. Returns a function that stops what was started. @throws LocalServerError */
export async function startAt(url: string): Promise<Stop> {
  const { hostname, host } = new URL(url);
  const failure = await connect(url);
  if (failure === undefined) return () => Promise.resolve();
  if (isMisconfigured(failure)) {
    const hint = 'set DATABASE_URL in .env to another port or user';
    throw new LocalServerError(`the MySQL at ${host} says: ${failure.message}`, hint);
  }
  if (hostname !== 'localhost' && hostname !== '127.0.0.1') {
    throw new LocalServerError(`no MySQL answers at ${hostname}`, 'start it, or correct DATABASE_URL');
  }
  const program = installed();
  if (program !== undefined) return startLocally(program, url, path.resolve('.data'));
  if (startContainer('database')) return () => Promise.resolve();
  const hint = 'install MariaDB, MySQL or Docker, or set DATABASE_URL to a server';
  throw new LocalServerError('there is no MySQL here', hint);
}

/** The server program of MariaDB or MySQL. Debian installs it in a folder that is not on the PATH of every user. */
export function installed(): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/sbin'];
  const files = ['mariadbd', 'mysqld'].flatMap((name) => folders.map((folder) => path.join(folder, name)));
  return files.find((file) => existsSync(file));
}

/**
 * Start a server with its data in a folder. `options` are for the server.
 *
 * @throws LocalServerError
 */
export async function startLocally(
  program: string,
  url: string,
  folder: string,
  options: string[] = [],
): Promise<Stop> {
  const data = path.join(folder, 'data');
  const log = path.join(folder, 'log');
  mkdirSync(folder, { recursive: true });
  if (!existsSync(path.join(data, 'mysql'))) createData(program, data, log);
  const address = [`--port=${new URL(url).port || 3306}`, '--bind-address=127.0.0.1', '--socket=mysql.sock'];
  const args = [...commonOptions(data), ...address, `--init-file=${writeGrants(folder, url)}`, ...options];
  return startServer(program, args, {
    log,
    title: 'MySQL',
    isReady: async () => (await connect(url)) === undefined,
  });
}

/** Connect, and close the connection. Returns why that failed. */
async function connect(url: string): Promise<Error | undefined> {
  try {
    const connection = await createConnection(connectionOptions(url));
    await connection.end();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

function createData(program: string, data: string, log: string): void {
  const [installer, args] =
    path.basename(program) === 'mysqld'
      ? [program, ['--initialize-insecure']]
      : ['mariadb-install-db', ['--auth-root-authentication-method=normal', '--skip-test-db']];
  const output = openSync(log, 'a');
  const { status } = spawnSync(installer, [...commonOptions(data), ...args], { stdio: ['ignore', output, output] });
  if (status === 0) return;
  rmSync(data, { recursive: true, force: true });
  throw new LocalServerError(`${path.basename(installer)} failed`, `see ${log}`);
}

function commonOptions(data: string): string[] {
  // Without the settings of this machine. The server refuses to run as root unless it is told to.
  return ['--no-defaults', `--datadir=${data}`, `--user=${userInfo().username}`];
}

/** Write the statements that the server executes at its start. They create the user and the database of the URL. */
function writeGrants(folder: string, url: string): string {
  const { user = '', password = '', database = '' } = connectionOptions(url);
  const account = `${escape(user)}@'localhost'`;
  const file = path.join(folder, 'grants.sql');
  const statements = [
    `CREATE USER IF NOT EXISTS ${account};`,
    `ALTER USER ${account} IDENTIFIED BY ${escape(password)};`,
    `GRANT ALL ON *.* TO ${account} WITH GRANT OPTION;`,
    `CREATE DATABASE IF NOT EXISTS ${escapeId(database)};`,
  ];
  writeFileSync(file, statements.map((statement) => `${statement}\n`).join(''), { mode: 0o600 });
  return file;
}
