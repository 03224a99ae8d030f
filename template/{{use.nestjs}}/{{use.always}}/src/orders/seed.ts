/** Example orders for development. */

import type { Database } from '../database.ts';
import { ServiceError } from '../errors.ts';
import type { Principal } from '../permissions.ts';
import { OrdersRepository } from './orders.repository.ts';
import { OrdersService } from './orders.service.ts';

const COUNT = 25;

/** Place some orders for `owner`, unless they exist. Returns a line to print. */
export async function seedOrders(database: Database, owner: Principal): Promise<string> {
  // Commands run without modules: there is no server, and the database is that of the command.
  const orders = new OrdersService(database, new OrdersRepository());
  try {
    await database.transaction(async (session) => {
      for (let number = 1; number <= COUNT; number += 1) {
        const name = String(number).padStart(3, '0');
        const line = { sku: `TEA-${name}`, quantity: number, unit_price: '12.50' };
        await orders.place(session, owner, { reference: `SEED-${name}`, currency: 'EUR', lines: [line] });
      }
    });
  } catch (error) {
    if (error instanceof ServiceError && error.code === 'conflict') return 'The orders exist already';
    throw error;
  }
  return `Placed ${COUNT} orders`;
}
