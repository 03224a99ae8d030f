import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { inject, onTestFinished } from 'vitest';
import type { TestProject } from 'vitest/node';

import { createEmptyDatabase } from '../scripts/empty-database.ts';
import { freePort } from '../scripts/local-servers.ts';
import { DEVELOPMENT_URL } from '../src/config/database-url.ts';
import { FAST_BUT_UNSAFE, installed, startAt, startLocally } from './dialect.ts';

export { ANALYZE, EXPLAIN, NOWHERE, SECRETS, WHOLE_TABLE } from './dialect.ts';

declare module 'vitest' {
  interface ProvidedContext {
    databaseServer: string;
  }
}

/** Called once, before all tests: uses the server of `DATABASE_URL`, or starts one for the tests. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const program = installed();
  const { DATABASE_URL } = process.env;
  if (DATABASE_URL !== undefined || program === undefined) {
    const url = DATABASE_URL ?? DEVELOPMENT_URL;
    const stop = await startAt(url);
    project.provide('databaseServer', url);
    return stop;
  }
  const url = new URL(DEVELOPMENT_URL);
  url.host = `127.0.0.1:${await freePort()}`;
  const folder = mkdtempSync(path.join(tmpdir(), 'database-'));
  const stop = await startLocally(program, url.href, folder, FAST_BUT_UNSAFE);
  project.provide('databaseServer', url.href);
  return async () => {
    await stop();
    rmSync(folder, { recursive: true });
  };
}

/** The variables of an empty database, which is removed after the test. */
export async function emptyDatabase(): Promise<{ DATABASE_URL: string }> {
  const { url, drop } = await createEmptyDatabase(inject('databaseServer'));
  onTestFinished(drop);
  return { DATABASE_URL: url };
}
