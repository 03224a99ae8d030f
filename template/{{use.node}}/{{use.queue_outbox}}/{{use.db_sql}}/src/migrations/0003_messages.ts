/** The outbox. */

import { type Kysely, sql } from 'kysely';

import { columns } from '../dialect.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('messages')
    .addColumn('id', columns.id, (column) => column.notNull())
    .addColumn('event_id', columns.id, (column) => column.notNull())
    .addColumn('owner', columns.text(64), (column) => column.notNull())
    .addColumn('type', columns.text(100), (column) => column.notNull())
    .addColumn('subject', columns.text(255), (column) => column.notNull())
    .addColumn('event', columns.longText, (column) => column.notNull())
    .addColumn('handler', columns.text(100))
    .addColumn('request_id', columns.text(128))
    .addColumn('traceparent', columns.text(55))
    .addColumn('state', columns.text(16), (column) => column.notNull())
    .addColumn('run_at', columns.timestamp, (column) => column.notNull())
    .addColumn('lease', columns.id)
    .addColumn('attempts', 'integer', (column) => column.notNull())
    .addColumn('last_error', columns.text(1000))
    .addColumn('created_at', columns.timestamp, (column) => column.notNull())
    .addPrimaryKeyConstraint('pk_messages', ['id'])
    .addCheckConstraint('ck_messages_state', sql`state in ('pending', 'dead')`)
    .execute();
  // In the order of a claim, which reads no more of it than it takes.
  await db.schema
    .createIndex('ix_messages_state_run_at_event_id')
    .on('messages')
    .columns(['state', 'run_at', 'event_id'])
    .execute();
  // A claim asks of each message whether another message of its subject is claimed.
  await db.schema.createIndex('ix_messages_subject_lease').on('messages').columns(['subject', 'lease']).execute();
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('messages').execute();
}
