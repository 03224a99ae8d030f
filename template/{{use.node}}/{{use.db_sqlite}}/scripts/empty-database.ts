import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** An empty database for a script or a test: its URL, and a function that removes it. */
export function createEmptyDatabase(): Promise<{ url: string; drop: () => Promise<void> }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'database-'));
  const drop = (): Promise<void> => rm(folder, { recursive: true, force: true });
  return Promise.resolve({ url: `sqlite:${path.join(folder, 'app.db')}`, drop });
}
