import type { Env } from './env.ts';

export type DatabaseSettings = ReturnType<typeof readDatabaseSettings>;

export function readDatabaseSettings(env: Env) {
  const url = env.string('DATABASE_URL', 'sqlite:app.db');
  const databaseFile = url.replace(/^sqlite:(\/\/)?/, '');
  if (databaseFile === url || databaseFile === '' || databaseFile.includes(':memory:')) {
    env.refuse('DATABASE_URL', 'must name a file: sqlite:PATH');
  }
  return {
    databaseFile,
    /** How long a transaction waits for the other transactions of this process. */
    databaseAcquireTimeoutSeconds: env.number('DATABASE_ACQUIRE_TIMEOUT_SECONDS', 5, { min: 0.001 }),
    /** How long a transaction waits for the write lock of another process, and a read for its result. */
    databaseBusyTimeoutSeconds: env.number('DATABASE_BUSY_TIMEOUT_SECONDS', 5, { min: 0.001 }),
  };
}
