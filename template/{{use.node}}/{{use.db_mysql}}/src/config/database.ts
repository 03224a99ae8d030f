import { existsSync } from 'node:fs';

import type { Env } from './env.ts';

/** The database that `make dev` starts. */
export const DEVELOPMENT_URL = 'mysql://root:app@127.0.0.1:3306/app';

export type DatabaseSettings = ReturnType<typeof readDatabaseSettings>;

export function readDatabaseSettings(env: Env) {
  const databaseUrl = env.string('DATABASE_URL', DEVELOPMENT_URL);
  checkUrl(env, 'DATABASE_URL', databaseUrl);
  if (databaseUrl === DEVELOPMENT_URL && env.optional('APP_ENV') === 'production') {
    env.refuse('DATABASE_URL', 'must be set in production');
  }
  const databaseReplicaUrl = env.optional('DATABASE_REPLICA_URL');
  if (databaseReplicaUrl !== undefined) checkUrl(env, 'DATABASE_REPLICA_URL', databaseReplicaUrl);
  return {
    databaseUrl,
    /** A read replica, for reads that may lack the latest changes. */
    databaseReplicaUrl,
    /** Connections for reads. There are as many for transactions, and for the replica. */
    databasePoolSize: env.integer('DATABASE_POOL_SIZE', 8),
    databaseAcquireTimeoutSeconds: env.number('DATABASE_ACQUIRE_TIMEOUT_SECONDS', 5, { min: 0.001 }),
    databaseStatementTimeoutSeconds: env.number('DATABASE_STATEMENT_TIMEOUT_SECONDS', 10, { min: 0.001 }),
  };
}

function checkUrl(env: Env, name: string, text: string): void {
  const url = URL.parse(text);
  if (url?.protocol !== 'mysql:' || url.hostname === '' || !/^\/[^/]+$/.test(url.pathname)) {
    // Not the value: it may hold a password.
    env.refuse(name, 'must read like mysql://USER:PASSWORD@HOST:3306/DATABASE');
    return;
  }
  for (const [option, value] of url.searchParams) {
    if (option !== 'ssl_ca') env.refuse(name, `has no option ${option}`);
    else if (!existsSync(value)) env.refuse(name, `ssl_ca: there is no file ${value}`);
  }
}
