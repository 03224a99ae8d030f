/** The configuration: environment variables, read once into one typed object. `.env.example` lists them all. */

import { existsSync } from 'node:fs';

import { type AuthSettings, readAuthSettings } from './auth.ts';
import { type DatabaseSettings, readDatabaseSettings } from './database.ts';
import { ConfigError, Env } from './env.ts';
import { type QueueSettings, readQueueSettings } from './queue.ts';
import { readServiceSettings, type ServiceSettings } from './service.ts';

export type Settings = ServiceSettings & DatabaseSettings & AuthSettings & QueueSettings;

/** `EX_CONFIG` of sysexits.h. */
export const EXIT_CONFIG = 78;

/** @throws ConfigError if a variable is missing, has the wrong type or is not allowed in production */
export function readSettings(variables: NodeJS.ProcessEnv): Settings {
  const env = new Env(variables);
  const service = readServiceSettings(env);
  const settings = {
    ...service,
    ...readDatabaseSettings(env),
    ...readAuthSettings(env, service.isProduction),
    ...readQueueSettings(env),
  };
  env.check();
  return settings;
}

/**
 * The settings of this process, from its environment and the file `.env`. If they are not valid, it ends with one line
 * that names each invalid variable.
 */
export function settingsOrExit(): Settings {
  if (existsSync('.env')) process.loadEnvFile();
  try {
    return readSettings(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return exitMisconfigured(error.message);
  }
}

/** End the process with one line and exit code 78. `reason` names the variable. */
export function exitMisconfigured(reason: string): never {
  process.stderr.write(`error: ${reason}\n`);
  process.exit(EXIT_CONFIG);
}
