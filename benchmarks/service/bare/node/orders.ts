/** What the bare apps on Node share: the queries of the generated service, on its tables, without its layers. */

import { newId, now } from '../clock.ts';
import { readDatabaseSettings } from '../config/database.ts';
import { Env } from '../config/env.ts';
import type { Settings } from '../config/index.ts';
import type { Session } from '../database.ts';
import { createConnections } from '../dialect.ts';
import { storeMessage } from '../messaging/repository.ts';
import { formatMoney, parseMoney } from '../money.ts';
import type { OrderStatus } from '../orders/status.ts';
import type { OrderLineRow, OrderRow } from '../orders/tables.ts';
import { type Cursor, decodeCursor, encodeCursor, type Slice } from '../pagination.ts';
import type { Principal } from '../permissions.ts';

interface Order extends OrderRow {
  lines: Omit<OrderLineRow, 'order_id' | 'position'>[];
}

interface NewOrder {
  reference: string;
  currency: string;
  note?: string | null | undefined;
  lines: { sku: string; quantity: number; unit_price: string }[];
}

interface OrderQuery {
  limit: number;
  cursor?: string | undefined;
  status?: OrderStatus | undefined;
}

interface Filter {
  limit: number;
  after?: Cursor | undefined;
  status?: OrderStatus | undefined;
}

/** The repository of the generated service. */
export interface Repository {
  insertOrder: (session: Session, order: Order) => Promise<void>;
  findOrder: (session: Session, principal: Principal, id: string) => Promise<Order>;
  listOrders: (session: Session, principal: Principal, filter: Filter) => Promise<Slice<Order>>;
}

/** Stands for the principal that the bare apps do not know. */
const OWNER: Principal = { subject: process.env['OWNER_ID'] ?? '', roles: ['member'] };

const { writer, reader } = createConnections(readDatabaseSettings(new Env(process.env)) as Settings);
const afterCommit = (): void => undefined;

export class Orders {
  readonly #repository: Repository;

  constructor(repository: Repository) {
    this.#repository = repository;
  }

  async place({ lines, note = null, ...fields }: NewOrder) {
    const placedAt = now();
    const order: Order = {
      id: newId(),
      owner: OWNER.subject,
      ...fields,
      status: 'placed',
      note,
      created_at: placedAt,
      updated_at: placedAt,
      version: 1,
      lines: lines.map((line) => ({ ...line, unit_price: parseMoney(line.unit_price) })),
    };
    await writer.transaction().execute(async (db) => {
      await this.#repository.insertOrder({ db, afterCommit }, order);
      await storeMessage({ db, afterCommit }, messageOf(order));
    });
    return represent(order);
  }

  /** @throws if there is no such order */
  async find(id: string) {
    return represent(await this.#repository.findOrder({ db: reader, afterCommit }, OWNER, id));
  }

  async list({ limit, cursor, status }: OrderQuery) {
    const filter = { limit, after: cursor === undefined ? undefined : decodeCursor(cursor), status };
    const { rows, next } = await this.#repository.listOrders({ db: reader, afterCommit }, OWNER, filter);
    return { data: rows.map(represent), meta: { limit, next_cursor: next === undefined ? null : encodeCursor(next) } };
  }
}

function messageOf(order: Order) {
  const { id, owner, reference, currency, created_at } = order;
  const eventId = newId();
  const event = {
    specversion: '1.0',
    id: eventId,
    source: 'bare',
    type: 'order.placed',
    subject: id,
    time: created_at.toISOString(),
    datacontenttype: 'application/json',
    data: { reference, currency, total: formatMoney(totalOf(order)) },
  };
  return {
    id: eventId,
    event_id: eventId,
    owner,
    type: event.type,
    subject: id,
    event: JSON.stringify(event),
    request_id: null,
    traceparent: null,
    run_at: created_at,
    created_at,
  };
}

function represent(order: Order) {
  const { id, reference, currency, status, lines, note, created_at, updated_at } = order;
  return {
    id,
    reference,
    currency,
    status,
    lines: lines.map(({ sku, quantity, unit_price }) => ({ sku, quantity, unit_price: formatMoney(unit_price) })),
    total: formatMoney(totalOf(order)),
    note,
    created_at: created_at.toISOString(),
    updated_at: updated_at.toISOString(),
  };
}

function totalOf({ lines }: Order): bigint {
  return lines.reduce((total, { quantity, unit_price }) => total + BigInt(quantity) * unit_price, 0n);
}
