import type { Database } from '../database.ts';
import type { Cursor } from '../pagination.ts';
import type { PersonalData } from '../personal-data.ts';
import type { OrdersRepository } from './orders.repository.ts';
import { type OrderRead, represent } from './schemas.ts';

const PAGE = 100;

/** Orders are personal data of their owner. */
export function orderData(orders: OrdersRepository): PersonalData {
  return {
    name: 'orders',
    erase: (session, owner) => orders.deleteAllOf(session, owner),
    export: (database, owner) => exportOrders(orders, database, owner),
  };
}

/** All orders of a user, newest first. They are read in pages, so that memory holds one page at a time. */
async function* exportOrders(orders: OrdersRepository, database: Database, owner: string): AsyncGenerator<OrderRead> {
  let after: Cursor | undefined;
  do {
    const filter = { limit: PAGE, after };
    const page = await database.read((session) => orders.list(session, { subject: owner, roles: [] }, filter));
    yield* page.rows.map(represent);
    after = page.next;
  } while (after !== undefined);
}
