/** The audit log. Its entries are log lines: all callers are anonymous, so there is no table of actors. */

import type { Session } from '../database.ts';
import { log } from '../logs.ts';

export interface Change {
  action: string;
  subject: string;
  /** The user whose data `before` and `after` contain. */
  owner?: string;
  before: Record<string, unknown>;
  after: Record<string, unknown>;
}

export function record(session: Session, { action, subject, before, after }: Change): Promise<void> {
  session.afterCommit(() => log.info({ action, subject, before, after }, 'audit'));
  return Promise.resolve();
}
