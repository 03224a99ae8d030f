import type { OrderStatus } from './status.ts';

export interface OrderTables {
  orders: OrderRow;
  order_lines: OrderLineRow;
}

export interface OrderRow {
  id: string;
  /** The subject of the principal who placed the order; empty without authentication. */
  owner: string;
  reference: string;
  currency: string;
  status: OrderStatus;
  note: string | null;
  created_at: Date;
  updated_at: Date;
  /** Each change increments it, and a change of an outdated version fails. */
  version: number;
}

export interface OrderLineRow {
  order_id: string;
  position: number;
  sku: string;
  quantity: number;
  unit_price: bigint;
}
