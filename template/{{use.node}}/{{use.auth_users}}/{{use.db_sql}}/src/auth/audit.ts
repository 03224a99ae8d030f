/** The audit log: who changed what, when, and from where. */

import { newId, now } from '../clock.ts';
import { currentContext } from '../context.ts';
import type { Session } from '../database.ts';
import { isOlder } from '../keyset.ts';
import { type Cursor, type Slice, slice } from '../pagination.ts';
import type { AuditRow } from './users/tables.ts';

export interface Change {
  action: string;
  subject: string;
  /** Defaults to the principal of the request. */
  actor?: string;
  /** The user whose data `before` and `after` contain. */
  owner?: string;
  before?: Record<string, unknown>;
  after?: Record<string, unknown>;
}

export interface AuditEntry extends Omit<AuditRow, 'before' | 'after'> {
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
}

/** Add an entry to the transaction of the change. */
export async function record({ db }: Session, change: Change): Promise<void> {
  const context = currentContext();
  await db
    .insertInto('audit_log')
    .values({
      id: newId(),
      created_at: now(),
      // The subject of commands is empty.
      actor_id: (change.actor ?? context?.principal?.subject) || null,
      owner_id: change.owner || null,
      action: change.action,
      subject: change.subject,
      address: context?.address ?? '',
      request_id: context?.requestId ?? '',
      before: change.before ? JSON.stringify(change.before) : null,
      after: change.after ? JSON.stringify(change.after) : null,
    })
    .execute();
}

/** Remove the addresses and the data of a user. The entries themselves remain. */
export async function eraseFromAudit({ db }: Session, userId: string): Promise<void> {
  await db.updateTable('audit_log').set({ address: '' }).where('actor_id', '=', userId).execute();
  await db.updateTable('audit_log').set({ before: null, after: null }).where('owner_id', '=', userId).execute();
}

/** Newest first. */
export async function listEntries(
  { db }: Session,
  limit: number,
  after: Cursor | undefined,
): Promise<Slice<AuditEntry>> {
  let page = db.selectFrom('audit_log').selectAll();
  if (after !== undefined) page = page.where(isOlder('audit_log', after));
  const rows = await page
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  return slice(rows.map(parsed), limit);
}

function parsed(row: AuditRow): AuditEntry {
  return { ...row, before: parseObject(row.before), after: parseObject(row.after) };
}

function parseObject(json: string | null): Record<string, unknown> | null {
  return json === null ? null : (JSON.parse(json) as Record<string, unknown>);
}
