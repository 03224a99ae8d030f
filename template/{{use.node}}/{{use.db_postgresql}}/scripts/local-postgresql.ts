/**
 * Runs a command with a PostgreSQL server for development: `node scripts/local-postgresql.ts make serve`.
 *
 * If the server of `DATABASE_URL` answers, the command uses it. Otherwise, a server is started on that port. This is the
 * PostgreSQL installed here (it stops after the command, and keeps its data in `.data`) or the container of compose.yaml.
 */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chownSync, existsSync, globSync, mkdirSync } from 'node:fs';
import path from 'node:path';

import { Client, DatabaseError, escapeIdentifier } from 'pg';

import { settingsOrExit } from '../src/config/index.ts';
import { LocalServerError, runWith, startContainer, startServer, type Stop } from './local-servers.ts';

/** SQLSTATE of a server that does not accept connections yet. */
const STARTING = '57P03';

interface User {
  uid: number;
  gid: number;
  home: string;
}

if (import.meta.main) await runWith(() => startAt(settingsOrExit().databaseUrl));

/** Make sure that a server answers at a URL. Returns a function that stops what was started. @throws LocalServerError */
export async function startAt(url: string): Promise<Stop> {
  const { hostname } = new URL(url);
  if (await answers(url)) return () => Promise.resolve();
  if (hostname !== 'localhost' && hostname !== '127.0.0.1') {
    throw new LocalServerError(`no PostgreSQL answers at ${hostname}`, 'start it, or correct DATABASE_URL');
  }
  const binaries = installed();
  if (binaries !== undefined) return startLocally(binaries, url, dataFolder());
  if (startContainer('database')) return () => Promise.resolve();
  const hint = 'install PostgreSQL or Docker, or set DATABASE_URL to a server';
  throw new LocalServerError('there is no PostgreSQL here', hint);
}

/** The folder of `initdb` on the PATH, or else that of the newest Debian package, which is not on the PATH. */
export function installed(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter);
  const found = folders.find((folder) => folder !== '' && existsSync(path.join(folder, 'initdb')));
  const packages = globSync('/usr/lib/postgresql/*/bin/initdb').map((file) => path.dirname(file));
  return found ?? packages.toSorted((a, b) => versionOf(b) - versionOf(a))[0];
}

/**
 * Start a server with its data in a folder. `options` are settings such as `fsync=off`.
 *
 * @throws LocalServerError
 */
export async function startLocally(binaries: string, url: string, data: string, options: string[] = []): Promise<Stop> {
  const { port, username } = new URL(url);
  const user = postgresUser();
  if (!existsSync(path.join(data, 'PG_VERSION'))) createData(path.join(binaries, 'initdb'), data, username, user);
  const settings = [`port=${port || 5432}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories=', ...options];
  const args = [`-D${data}`, ...settings.map((setting) => `-c${setting}`)];
  const stop = await startServer(path.join(binaries, 'postgres'), args, {
    user,
    log: path.join(data, 'log'),
    title: 'PostgreSQL',
    isReady: () => answers(maintenanceUrl(url)),
    signal: 'SIGINT', // does not wait for clients that stay connected
  });
  await createDatabase(url);
  return stop;
}

/** Whether a server listens there. @throws LocalServerError if it refuses the user or the password */
async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 3000 });
  try {
    await client.connect();
    await client.end();
    return true;
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.code === STARTING) return false;
    const hint = 'set DATABASE_URL in .env to another port or user';
    throw new LocalServerError(`the PostgreSQL at ${new URL(url).host} says: ${error.message}`, hint);
  }
}

/** The version of PostgreSQL, for a folder like `/usr/lib/postgresql/18/bin`. */
function versionOf(folder: string): number {
  return Number(path.basename(path.dirname(folder)));
}

/** For root, the user `postgres`, because PostgreSQL refuses to run as root. */
function postgresUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const { stdout } = spawnSync('getent', ['passwd', 'postgres'], { encoding: 'utf8' });
  const [, , uid, gid, , home] = stdout.split(':');
  if (home === undefined) throw new LocalServerError('PostgreSQL does not run as root', 'run this as another user');
  return { uid: Number(uid), gid: Number(gid), home };
}

/** `.data`. For root, a folder of the user `postgres`. */
function dataFolder(): string {
  const project = process.cwd();
  const user = postgresUser();
  if (user === undefined) return path.join(project, '.data');
  const hash = createHash('sha256').update(project).digest('hex').slice(0, 8); // other projects may have the same name
  return path.join(user.home, `${path.basename(project)}-${hash}`);
}

function createData(initdb: string, data: string, username: string, user: User | undefined): void {
  mkdirSync(data, { recursive: true });
  if (user !== undefined) chownSync(data, user.uid, user.gid);
  const args = ['--no-sync', '-E', 'UTF8', '-A', 'trust', `--username=${username}`, `--pgdata=${data}`];
  const { status, error, stderr } = spawnSync(initdb, args, { ...user, cwd: '/', encoding: 'utf8' });
  if (status === 0) return;
  const reason = error?.message ?? stderr.split('\n')[0]?.replace(': error:', ':');
  throw new LocalServerError(reason || 'initdb failed', 'correct that, or set DATABASE_URL to a server');
}

async function createDatabase(url: string): Promise<void> {
  const client = new Client(maintenanceUrl(url));
  await client.connect();
  const name = decodeURIComponent(new URL(url).pathname.slice(1));
  const { rowCount } = await client.query('select from pg_database where datname = $1', [name]);
  if (rowCount === 0) await client.query(`create database ${escapeIdentifier(name)}`);
  await client.end();
}

/** The URL of the database that every server has. */
function maintenanceUrl(url: string): string {
  const other = new URL(url);
  other.pathname = '/postgres';
  return other.href;
}
