import { expect } from 'vitest';

import type { OrderCreate, OrderRead } from '../../src/orders/schemas.ts';
import type { App, Response } from '../app.ts';

export const ORDERS = '/api/v1/orders';

let count = 0;

export function newOrder(changes: Partial<OrderCreate> = {}): OrderCreate {
  count += 1;
  const lines = [{ sku: 'tea', quantity: 2, unit_price: '4.50' }];
  return { reference: `A-${count}`, currency: 'EUR', lines, ...changes };
}

export async function place(app: App, changes: Partial<OrderCreate> = {}): Promise<OrderRead> {
  const response = await app.inject({ method: 'POST', url: ORDERS, payload: newOrder(changes) });
  expect(response.statusCode).toBe(201);
  return response.json<OrderRead>();
}

export function get(app: App, id: string, headers: Record<string, string> = {}): Promise<Response> {
  return app.inject({ url: `${ORDERS}/${id}`, headers });
}

export function amend(app: App, id: string, payload: object, ifMatch?: string): Promise<Response> {
  const headers = ifMatch === undefined ? {} : { 'if-match': ifMatch };
  return app.inject({ method: 'PATCH', url: `${ORDERS}/${id}`, payload, headers });
}

export function cancel(app: App, id: string): Promise<Response> {
  return app.inject({ method: 'POST', url: `${ORDERS}/${id}/cancellation` });
}
