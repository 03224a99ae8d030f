/** Reads and writes the outbox. */

import { now } from '../clock.ts';
import type { Session } from '../database.ts';
import type { MessageRow } from './tables.ts';

export type NewMessage = Omit<MessageRow, 'handler' | 'state' | 'lease' | 'attempts' | 'last_error'>;

export async function storeMessage({ db }: Session, message: NewMessage): Promise<void> {
  await db
    .insertInto('messages')
    .values({ ...message, state: 'pending', attempts: 0 })
    .execute();
}

export async function countPending({ db }: Session): Promise<number> {
  const { pending } = await db
    .selectFrom('messages')
    .select((eb) => eb.fn.countAll().as('pending'))
    .where('state', '=', 'pending')
    .executeTakeFirstOrThrow();
  return Number(pending);
}

/** All dead letters, the oldest first. */
export function listDead({ db }: Session): Promise<MessageRow[]> {
  return db.selectFrom('messages').selectAll().where('state', '=', 'dead').orderBy('event_id').orderBy('id').execute();
}

export function findDead({ db }: Session, id: string): Promise<MessageRow | undefined> {
  return db.selectFrom('messages').selectAll().where('id', '=', id).where('state', '=', 'dead').executeTakeFirst();
}

/** Make one dead letter pending again, or all of them if `id` is empty. Returns their number. */
export async function redrive({ db }: Session, id = ''): Promise<number> {
  let dead = db
    .updateTable('messages')
    .set({ state: 'pending', attempts: 0, run_at: now() })
    .where('state', '=', 'dead');
  if (id !== '') dead = dead.where('id', '=', id);
  const { numUpdatedRows } = await dead.executeTakeFirst();
  return Number(numUpdatedRows);
}

/** Delete the events that hold data of a user. */
export async function eraseEvents({ db }: Session, owner: string): Promise<void> {
  await db.deleteFrom('messages').where('owner', '=', owner).execute();
}
