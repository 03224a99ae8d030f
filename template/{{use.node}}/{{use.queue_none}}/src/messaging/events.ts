/** Events. Each one is only logged after the commit, because nothing handles them yet. */

import type { Session } from '../database.ts';
import { log } from '../logs.ts';

/** Something that happened to `subject`. */
export interface Event {
  type: string;
  subject: string;
  data: Record<string, unknown>;
}

export function publish(session: Session, event: Event): Promise<void> {
  session.afterCommit(() => log.info(event, 'event'));
  return Promise.resolve();
}
