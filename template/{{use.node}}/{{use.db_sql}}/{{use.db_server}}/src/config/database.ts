import { checkUrl, DEVELOPMENT_URL } from './database-url.ts';
import type { Env } from './env.ts';

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
