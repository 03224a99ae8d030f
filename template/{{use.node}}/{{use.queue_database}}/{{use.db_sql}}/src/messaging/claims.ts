/** Claims messages of the outbox. A worker claims a batch under one lease. */

import type { ExpressionBuilder, ExpressionWrapper, SqlBool } from 'kysely';

import { newId, now } from '../clock.ts';
import type { Session } from '../database.ts';
import { skipLocked, tryLock } from '../dialect.ts';
import type { Tables } from '../tables.ts';
import type { MessageRow } from './tables.ts';

const MAX_ERROR = 1000;

/** A message that a worker has claimed. `attempts` counts how often it was claimed, this time included. */
export interface Claimed extends MessageRow {
  lease: string;
}

/**
 * Claim due messages for some seconds, the oldest first; undefined if another transaction is claiming.
 *
 * While a message is claimed, later messages of its subject wait, so one worker handles them in their order. A message
 * that is due and still has a lease is orphaned: its worker died. An orphaned message is claimed alone. If it crashes
 * its next worker, too, it does not delay the messages of other subjects.
 */
export async function claim(
  session: Session,
  { limit, seconds }: { limit: number; seconds: number },
): Promise<Claimed[] | undefined> {
  // Two claims at a time would not see which subjects the other one claims.
  if (!(await tryLock(session, 'claim'))) return undefined;
  const { db } = session;
  const due = db
    .selectFrom('messages')
    .selectAll()
    .where('state', '=', 'pending')
    .where('run_at', '<=', now())
    .where((eb) => eb.not(eb.exists(earlierOfItsSubject(eb))))
    .orderBy('run_at')
    .orderBy('event_id')
    .orderBy('id')
    .limit(limit);
  // A locked row is being handled: its worker lives, even if the lease is over.
  const found = await skipLocked(due).execute();
  const orphan = found.findIndex((message) => message.lease !== null);
  const messages = orphan === -1 ? found : found.slice(0, Math.max(orphan, 1));
  if (messages.length === 0) return [];

  const lease = newId();
  const run_at = secondsFromNow(seconds);
  await db
    .updateTable('messages')
    .set((eb) => ({ lease, run_at, attempts: eb('attempts', '+', 1) }))
    .where('id', 'in', idsOf(messages))
    .execute();
  return messages
    .map((message) => Object.assign(message, { lease, run_at, attempts: message.attempts + 1 }))
    .toSorted((a, b) => compare(a.event_id, b.event_id) || compare(a.id, b.id));
}

/**
 * Turn a claimed message into one message for each handler, so that each handler has its own retries. Returns none if
 * the lease was lost.
 */
export async function split({ db }: Session, message: Claimed, handlers: readonly string[]): Promise<Claimed[]> {
  const [first = '', ...others] = handlers;
  const { numUpdatedRows } = await db
    .updateTable('messages')
    .set({ handler: first })
    .where((eb) => isHeld(eb, [message]))
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return [];
  const copies: Claimed[] = [];
  for (const handler of others) copies.push({ ...message, id: newId(), handler });
  await db.insertInto('messages').values(copies).execute();
  return [{ ...message, handler: first }, ...copies];
}

/** Extend a lease. It skips messages that are being handled: their rows are locked, so nobody else can claim them. */
export async function extend({ db }: Session, messages: readonly Claimed[], seconds: number): Promise<void> {
  const held = db
    .selectFrom('messages')
    .selectAll()
    .where((eb) => isHeld(eb, messages));
  const unlocked = await skipLocked(held).execute();
  if (unlocked.length === 0) return;
  await db
    .updateTable('messages')
    .set({ run_at: secondsFromNow(seconds) })
    .where('id', 'in', idsOf(unlocked))
    .execute();
}

/** Delete messages of one claim, in the transaction of their handlers. False if the lease of one was lost. */
export async function remove({ db }: Session, messages: readonly Claimed[]): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('messages')
    .where((eb) => isHeld(eb, messages))
    .executeTakeFirst();
  return numDeletedRows === BigInt(messages.length);
}

/** Give back messages that no handler has got. Others may claim them at once, and the attempt does not count. */
export async function giveBack({ db }: Session, messages: readonly Claimed[]): Promise<void> {
  await db
    .updateTable('messages')
    .set((eb) => ({ lease: null, run_at: eb.ref('created_at'), attempts: eb('attempts', '-', 1) }))
    .where((eb) => isHeld(eb, messages))
    .execute();
}

/** Release a message whose handler failed. It is due again in some seconds. */
export async function retryLater(session: Session, message: Claimed, error: string, seconds: number): Promise<void> {
  await release(session, message, { state: 'pending', run_at: secondsFromNow(seconds), last_error: error });
}

/** Turn a message into a dead letter. False if the lease was lost. */
export function giveUp(session: Session, message: Claimed, error: string): Promise<boolean> {
  return release(session, message, { state: 'dead', run_at: now(), last_error: error });
}

async function release(
  { db }: Session,
  message: Claimed,
  { last_error, ...changes }: { state: MessageRow['state']; run_at: Date; last_error: string },
): Promise<boolean> {
  // Not every database can store NUL, or half of a surrogate pair.
  const text = last_error.replaceAll('\0', '\uFFFD').slice(0, MAX_ERROR).toWellFormed();
  const { numUpdatedRows } = await db
    .updateTable('messages')
    .set({ ...changes, lease: null, last_error: text })
    .where((eb) => isHeld(eb, [message]))
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** The claimed messages for which a message must wait: earlier ones, or any if the message itself is not claimed. */
function earlierOfItsSubject(messages: ExpressionBuilder<Tables, 'messages'>) {
  return messages
    .selectFrom('messages as claimed')
    .select('claimed.id')
    .whereRef('claimed.subject', '=', 'messages.subject')
    .where('claimed.lease', 'is not', null)
    .where((eb) => eb.or([eb('messages.lease', 'is', null), eb('claimed.event_id', '<', eb.ref('messages.event_id'))]));
}

/** Which messages of one claim are still claimed by it. */
function isHeld(
  eb: ExpressionBuilder<Tables, 'messages'>,
  messages: readonly Claimed[],
): ExpressionWrapper<Tables, 'messages', SqlBool> {
  return eb.and([eb('id', 'in', idsOf(messages)), eb('lease', '=', messages[0]?.lease ?? null)]);
}

function idsOf(messages: readonly Pick<MessageRow, 'id'>[]): string[] {
  return messages.map(({ id }) => id);
}

function secondsFromNow(seconds: number): Date {
  return new Date(now().getTime() + seconds * 1000);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
