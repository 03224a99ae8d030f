/** Stored responses and scheduled jobs. */

import type { Kysely } from 'kysely';

import { columns } from '../dialect.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('idempotency_keys')
    .addColumn('scope', columns.text(300), (column) => column.notNull())
    .addColumn('key', columns.text(255), (column) => column.notNull())
    .addColumn('fingerprint', columns.text(64), (column) => column.notNull())
    .addColumn('status', 'integer', (column) => column.notNull())
    .addColumn('location', columns.text(2048), (column) => column.notNull())
    .addColumn('etag', columns.text(255), (column) => column.notNull())
    .addColumn('body', columns.longText, (column) => column.notNull())
    .addColumn('expires_at', columns.timestamp, (column) => column.notNull())
    .addPrimaryKeyConstraint('pk_idempotency_keys', ['scope', 'key'])
    .execute();
  await db.schema.createIndex('ix_idempotency_keys_expires_at').on('idempotency_keys').column('expires_at').execute();
  await db.schema
    .createTable('scheduled_jobs')
    .addColumn('name', columns.text(100), (column) => column.notNull())
    .addColumn('due_at', columns.timestamp, (column) => column.notNull())
    .addPrimaryKeyConstraint('pk_scheduled_jobs', ['name'])
    .execute();
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('scheduled_jobs').execute();
  await db.schema.dropTable('idempotency_keys').execute();
}
