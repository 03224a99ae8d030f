/** Orders: the example. */

import { type Kysely, sql } from 'kysely';

import { columns } from '../dialect.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('orders')
    .addColumn('id', columns.id, (column) => column.notNull())
    .addColumn('owner', columns.text(64), (column) => column.notNull())
    .addColumn('reference', columns.text(64), (column) => column.notNull())
    .addColumn('currency', columns.text(3), (column) => column.notNull())
    .addColumn('status', columns.text(16), (column) => column.notNull())
    .addColumn('note', columns.text(500))
    .addColumn('created_at', columns.timestamp, (column) => column.notNull())
    .addColumn('updated_at', columns.timestamp, (column) => column.notNull())
    .addColumn('version', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('pk_orders', ['id'])
    // `reference` is the first column, so that this index also serves queries by reference alone.
    .addUniqueConstraint('uq_orders_reference_owner', ['reference', 'owner'])
    .addCheckConstraint('ck_orders_status', sql`status in ('placed', 'confirmed', 'cancelled')`)
    .execute();
  await db.schema.createIndex('ix_orders_owner').on('orders').columns(['owner', 'created_at', 'id']).execute();
  await db.schema.createIndex('ix_orders_created_at').on('orders').columns(['created_at', 'id']).execute();
  await db.schema.createIndex('ix_orders_status').on('orders').columns(['status', 'created_at', 'id']).execute();
  await db.schema
    .createTable('order_lines')
    .addColumn('order_id', columns.id, (column) => column.notNull())
    .addColumn('position', 'integer', (column) => column.notNull())
    .addColumn('sku', columns.text(64), (column) => column.notNull())
    .addColumn('quantity', 'integer', (column) => column.notNull())
    .addColumn('unit_price', columns.money, (column) => column.notNull())
    .addPrimaryKeyConstraint('pk_order_lines', ['order_id', 'position'])
    .addForeignKeyConstraint('fk_order_lines_order_id_orders', ['order_id'], 'orders', ['id'], (constraint) =>
      constraint.onDelete('cascade'),
    )
    .addCheckConstraint('ck_order_lines_quantity', sql`quantity between 1 and 1000`)
    .addCheckConstraint('ck_order_lines_unit_price', sql`unit_price >= 0`)
    .execute();
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('order_lines').execute();
  await db.schema.dropTable('orders').execute();
}
