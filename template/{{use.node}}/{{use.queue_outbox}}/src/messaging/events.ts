/** Events, and how they are published: as rows in the transaction of the change that they report. */

import { newId, now } from '../clock.ts';
import { currentContext } from '../context.ts';
import type { Session } from '../database.ts';
import { NAME } from '../version.ts';
import { storeMessage } from './repository.ts';
import { announceStored } from './stored.ts';

export { eraseEvents } from './repository.ts';

const MAX_SUBJECT = 255;

/** Something that happened to `subject`. */
export interface NewEvent {
  type: string;
  subject: string;
  data: Record<string, unknown>;
}

/** An event as it is stored and sent (CloudEvents 1.0). */
export interface Envelope extends NewEvent {
  specversion: '1.0';
  id: string;
  source: string;
  time: string;
  datacontenttype: 'application/json';
}

/** An event as handlers get it. */
export interface Event extends Envelope {
  /** The subject of the user whose data the event holds. */
  owner: string;
}

/**
 * Store an event in the outbox. It is sent when the transaction commits, or never.
 *
 * @param owner the subject of the user whose data the event holds: erasing the user deletes it
 */
export async function publish(session: Session, { type, subject, data }: NewEvent, owner: string): Promise<void> {
  if (subject.length > MAX_SUBJECT) throw new RangeError(`the subject of ${type} has over ${MAX_SUBJECT} characters`);
  const id = newId();
  const publishedAt = now();
  const envelope: Envelope = {
    specversion: '1.0',
    id,
    source: NAME,
    type,
    subject,
    time: publishedAt.toISOString(),
    datacontenttype: 'application/json',
    data,
  };
  const cause = currentContext();
  await storeMessage(session, {
    id,
    event_id: id,
    owner,
    type,
    subject,
    event: JSON.stringify(envelope),
    request_id: cause?.requestId || null,
    traceparent: cause?.traceparent || null,
    run_at: publishedAt,
    created_at: publishedAt,
  });
  session.afterCommit(announceStored);
}
