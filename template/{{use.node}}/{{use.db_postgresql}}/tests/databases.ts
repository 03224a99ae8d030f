import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { inject, onTestFinished } from 'vitest';
import type { TestProject } from 'vitest/node';

import { createEmptyDatabase } from '../scripts/empty-database.ts';
import { installed, startAt, startLocally } from '../scripts/local-postgresql.ts';
import { freePort } from '../scripts/local-servers.ts';
import { DEVELOPMENT_URL } from '../src/config/database.ts';

declare module 'vitest' {
  interface ProvidedContext {
    databaseServer: string;
  }
}

/** The variables that production requires. */
export const SECRETS = { DATABASE_URL: 'postgresql://app:secret@database:5432/app' };

/** The URL of a database that does not answer: no server listens on port 1. */
export const NOWHERE = 'postgresql://app:app@127.0.0.1:1/app';

export const EXPLAIN = 'explain';
/** How a query plan shows that all rows are read. */
export const WHOLE_TABLE = /Seq Scan/;
export const ANALYZE = 'analyze';

const FAST_BUT_UNSAFE = ['fsync=off', 'full_page_writes=off', 'synchronous_commit=off'];

/** Called once, before all tests: uses the server of `DATABASE_URL`, or starts one for the tests. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const binaries = installed();
  const { DATABASE_URL } = process.env;
  if (DATABASE_URL !== undefined || binaries === undefined) {
    const url = DATABASE_URL ?? DEVELOPMENT_URL;
    const stop = await startAt(url);
    project.provide('databaseServer', url);
    return stop;
  }
  const url = `postgresql://app:app@127.0.0.1:${await freePort()}/app`;
  const folder = mkdtempSync(path.join(tmpdir(), 'postgresql-'));
  const stop = await startLocally(binaries, url, folder, FAST_BUT_UNSAFE);
  project.provide('databaseServer', url);
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
