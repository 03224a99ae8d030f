/** The audit log. Its entries are log lines: all callers are anonymous, so there is no table of actors. */

import type { Session } from '../database.ts';
import { log } from '../logs.ts';

export interface Change {
  action: string;
  subject: string;
  before: Record<string, unknown>;
  after: Record<string, unknown>;
}

export function record(session: Session, change: Change): Promise<void> {
  session.afterCommit(() => log.info(change, 'audit'));
  return Promise.resolve();
}
