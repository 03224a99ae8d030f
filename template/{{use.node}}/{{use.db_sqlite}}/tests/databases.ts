import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { onTestFinished } from 'vitest';

/** The variables of an empty database, which is removed after the test. */
export function emptyDatabase(): { DATABASE_URL: string } {
  const folder = mkdtempSync(path.join(tmpdir(), 'shop-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return { DATABASE_URL: `sqlite:${path.join(folder, 'test.db')}` };
}
