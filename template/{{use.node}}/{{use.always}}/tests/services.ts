import { onTestFinished } from 'vitest';

import { readSettings, type Settings } from '../src/config/index.ts';
import { Database } from '../src/database.ts';
import { log } from '../src/logs.ts';
import { migrateUp } from '../src/migrate.ts';
import { type App, createApp } from './app.ts';
import { asAdmin } from './callers.ts';
import { emptyDatabase } from './databases.ts';
import { SECRETS } from './secrets.ts';

log.level = 'warn';

/** The settings of an empty database, which is removed after the test. */
export async function testSettings(variables: NodeJS.ProcessEnv = {}): Promise<Settings> {
  return readSettings({ APP_ENV: 'test', ...SECRETS, ...(await emptyDatabase()), ...variables });
}

/** The application, called by an admin, on a migrated database of its own. Both are removed after the test. */
export async function startApp(variables: NodeJS.ProcessEnv = {}, create = createApp): Promise<App> {
  return asAdmin(await startAnonymousApp(variables, create));
}

/** The application, called without credentials. */
export async function startAnonymousApp(variables: NodeJS.ProcessEnv = {}, create = createApp): Promise<App> {
  const settings = await testSettings(variables);
  await migrateUp(settings);
  const app = await create(settings);
  onTestFinished(() => app.close());
  return app;
}

/** A migrated database of its own, which is removed after the test. */
export async function openDatabase(variables: NodeJS.ProcessEnv = {}): Promise<Database> {
  const settings = await testSettings(variables);
  await migrateUp(settings);
  const database = new Database(settings);
  onTestFinished(() => database.close());
  return database;
}
