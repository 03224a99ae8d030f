/** Backups by the programs of MariaDB, or else by those of MySQL. */

import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';

import type { Settings } from './config/index.ts';
import { BackupError } from './errors.ts';

/**
 * Save the database in a file. Others may write meanwhile: the backup has the rows of one moment.
 *
 * @throws BackupError
 */
export async function backup({ databaseUrl }: Settings, file: string): Promise<void> {
  const options = ['--single-transaction', '--routines', '--triggers', `--result-file=${file}`];
  if (await run(databaseUrl, 'mariadb-dump', options)) return;
  // MariaDB has no statistics of columns.
  if (await run(databaseUrl, 'mysqldump', ['--column-statistics=0', ...options])) return;
  throw new BackupError('mariadb-dump is missing: install the client programs of MariaDB or MySQL');
}

/**
 * Replace the tables by those of a backup, one after the other: the server has no transaction for that.
 *
 * @throws BackupError
 */
export async function restore({ databaseUrl }: Settings, file: string): Promise<void> {
  if ((await run(databaseUrl, 'mariadb', [], file)) || (await run(databaseUrl, 'mysql', [], file))) return;
  throw new BackupError('mariadb is missing: install the client programs of MariaDB or MySQL');
}

/** Run a program with a file as its input. False if this machine lacks the program. */
async function run(url: string, program: string, options: string[], input = '/dev/null'): Promise<boolean> {
  const { hostname, port, username, password, pathname, searchParams } = new URL(url);
  const ca = searchParams.get('ssl_ca');
  const address = [`--host=${hostname}`, `--port=${port || 3306}`, `--user=${decodeURIComponent(username)}`];
  const args = [...address, '--protocol=tcp', ...(ca === null ? [] : [`--ssl-ca=${ca}`]), ...options];
  await using source = await open(input);
  try {
    // The arguments are visible in the list of processes, the environment is not.
    const env = { ...process.env, MYSQL_PWD: decodeURIComponent(password) };
    const running = promisify(execFile)(program, [...args, decodeURIComponent(pathname.slice(1))], { env });
    const { stdin } = running.child;
    // The program may end before it has read everything: then it says why.
    if (stdin !== null) await pipeline(source.createReadStream(), stdin).catch(() => undefined);
    await running;
    return true;
  } catch (error) {
    const { code, stderr = '' } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT') return false;
    throw new BackupError(stderr.trim().split('\n').at(-1) || `${program} failed`);
  }
}
