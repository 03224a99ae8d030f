/** Users, their sessions and the audit log. */

import { type Kysely, sql } from 'kysely';

import { columns } from '../dialect.ts';

const DIGEST = columns.text(64);

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('users')
    .addColumn('id', columns.id, (column) => column.notNull())
    .addColumn('email', columns.text(254), (column) => column.notNull())
    .addColumn('password_hash', columns.text(200), (column) => column.notNull())
    .addColumn('disabled', columns.boolean, (column) => column.notNull())
    .addColumn('created_at', columns.timestamp, (column) => column.notNull())
    .addColumn('updated_at', columns.timestamp, (column) => column.notNull())
    .addColumn('version', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('pk_users', ['id'])
    .addUniqueConstraint('uq_users_email', ['email'])
    .execute();
  await db.schema.createIndex('ix_users_created_at').on('users').columns(['created_at', 'id']).execute();
  await db.schema
    .createTable('grants')
    .addColumn('user_id', columns.id, (column) => column.notNull())
    .addColumn('role', columns.text(16), (column) => column.notNull())
    .addPrimaryKeyConstraint('pk_grants', ['user_id', 'role'])
    .addForeignKeyConstraint('fk_grants_user_id_users', ['user_id'], 'users', ['id'], (constraint) =>
      constraint.onDelete('cascade'),
    )
    .addCheckConstraint('ck_grants_role', sql`role in ('admin', 'member')`)
    .execute();
  await db.schema
    .createTable('sessions')
    .addColumn('id', columns.id, (column) => column.notNull())
    .addColumn('user_id', columns.id, (column) => column.notNull())
    .addColumn('created_at', columns.timestamp, (column) => column.notNull())
    .addColumn('expires_at', columns.timestamp, (column) => column.notNull())
    .addColumn('revoked_at', columns.timestamp)
    .addPrimaryKeyConstraint('pk_sessions', ['id'])
    .addForeignKeyConstraint('fk_sessions_user_id_users', ['user_id'], 'users', ['id'], (constraint) =>
      constraint.onDelete('cascade'),
    )
    .execute();
  await db.schema.createIndex('ix_sessions_user_id').on('sessions').column('user_id').execute();
  await db.schema.createIndex('ix_sessions_expires_at').on('sessions').column('expires_at').execute();
  await db.schema
    .createTable('refresh_tokens')
    .addColumn('hash', DIGEST, (column) => column.notNull())
    .addColumn('session_id', columns.id, (column) => column.notNull())
    .addColumn('used_at', columns.timestamp)
    .addPrimaryKeyConstraint('pk_refresh_tokens', ['hash'])
    .addForeignKeyConstraint(
      'fk_refresh_tokens_session_id_sessions',
      ['session_id'],
      'sessions',
      ['id'],
      (constraint) => constraint.onDelete('cascade'),
    )
    .execute();
  await db.schema.createIndex('ix_refresh_tokens_session_id').on('refresh_tokens').column('session_id').execute();
  await db.schema
    .createTable('login_failures')
    .addColumn('id', columns.id, (column) => column.notNull())
    .addColumn('account', DIGEST, (column) => column.notNull())
    .addColumn('address', DIGEST, (column) => column.notNull())
    .addColumn('count', 'integer', (column) => column.notNull())
    .addColumn('expires_at', columns.timestamp, (column) => column.notNull())
    .addPrimaryKeyConstraint('pk_login_failures', ['id'])
    .addUniqueConstraint('uq_login_failures_account_address', ['account', 'address'])
    .execute();
  await db.schema.createIndex('ix_login_failures_expires_at').on('login_failures').column('expires_at').execute();
  await db.schema
    .createTable('audit_log')
    .addColumn('id', columns.id, (column) => column.notNull())
    .addColumn('created_at', columns.timestamp, (column) => column.notNull())
    .addColumn('actor_id', columns.id)
    .addColumn('owner_id', columns.id)
    .addColumn('action', columns.text(100), (column) => column.notNull())
    .addColumn('subject', columns.text(100), (column) => column.notNull())
    .addColumn('address', columns.text(45), (column) => column.notNull())
    .addColumn('request_id', columns.text(128), (column) => column.notNull())
    .addColumn('before', 'text')
    .addColumn('after', 'text')
    .addPrimaryKeyConstraint('pk_audit_log', ['id'])
    .execute();
  await db.schema.createIndex('ix_audit_log_created_at').on('audit_log').columns(['created_at', 'id']).execute();
  await db.schema.createIndex('ix_audit_log_actor_id').on('audit_log').column('actor_id').execute();
  await db.schema.createIndex('ix_audit_log_owner_id').on('audit_log').column('owner_id').execute();
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const table of ['audit_log', 'login_failures', 'refresh_tokens', 'sessions', 'grants', 'users']) {
    await db.schema.dropTable(table).execute();
  }
}
