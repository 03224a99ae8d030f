/** Events. Each one is only logged after the commit, because nothing handles them yet. */

import type { Session } from '../database.ts';
import { log } from '../logs.ts';

/** Something that happened to `subject`. */
export interface NewEvent {
  type: string;
  subject: string;
  data: Record<string, unknown>;
}

/** Do nothing, because no event is stored. */
export function eraseEvents(_session: Session, _owner: string): Promise<void> {
  return Promise.resolve();
}

/** Log an event after the commit; a rollback drops it. `_owner` is the user whose data it holds. */
export function publish(session: Session, event: NewEvent, _owner: string): Promise<void> {
  session.afterCommit(() => log.info(event, 'event'));
  return Promise.resolve();
}
