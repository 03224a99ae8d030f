/** Backups by the programs of PostgreSQL. Their version must be that of the server, or newer. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import type { Settings } from './config/index.ts';
import { BackupError } from './errors.ts';

/**
 * Save the database in a file. Others may write meanwhile: the backup has the rows of one moment.
 *
 * @throws BackupError
 */
export async function backup({ databaseUrl }: Settings, file: string): Promise<void> {
  await run(databaseUrl, 'pg_dump', ['--format=custom', `--file=${file}`]);
}

/**
 * Replace the tables by those of a backup, in one transaction.
 *
 * @throws BackupError
 */
export async function restore({ databaseUrl }: Settings, file: string): Promise<void> {
  const options = ['--clean', '--if-exists', '--no-owner', '--single-transaction', '--exit-on-error'];
  const { PGDATABASE = '' } = addressOf(databaseUrl);
  await run(databaseUrl, 'pg_restore', [...options, `--dbname=${PGDATABASE}`, file]);
}

async function run(url: string, program: string, options: string[]): Promise<void> {
  try {
    // The arguments are visible in the list of processes, the environment is not.
    await promisify(execFile)(program, options, { env: { ...process.env, ...addressOf(url) } });
  } catch (error) {
    const { code, stderr = '' } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT') throw new BackupError(`${program} is missing: install the client programs of PostgreSQL`);
    throw new BackupError(stderr.replace(`${program}: error: `, '').split('\n')[0] || `${program} failed`);
  }
}

/** A URL as environment variables of libpq. */
function addressOf(databaseUrl: string): NodeJS.ProcessEnv {
  const { hostname, port, username, password, pathname, searchParams } = new URL(databaseUrl);
  const option = (name: string): string => searchParams.get(name) ?? '';
  const address = {
    PGHOST: hostname.replace(/^\[(.*)\]$/, '$1'),
    PGPORT: port,
    PGUSER: decodeURIComponent(username),
    PGPASSWORD: decodeURIComponent(password),
    PGDATABASE: decodeURIComponent(pathname.slice(1)),
    // The driver of Node has a mode of its own for TLS without a check of the certificate.
    PGSSLMODE: option('sslmode').replace('no-verify', 'require'),
    PGSSLROOTCERT: option('sslrootcert'),
    PGSSLCERT: option('sslcert'),
    PGSSLKEY: option('sslkey'),
  };
  return Object.fromEntries(Object.entries(address).filter(([, value]) => value !== ''));
}
