/** Orders are personal data of their owner. */

import type { Database } from '../database.ts';
import type { Cursor } from '../pagination.ts';
import type { PersonalData } from '../personal-data.ts';
import { deleteOrdersOf, listOrders } from './repository.ts';
import { type OrderRead, represent } from './schemas.ts';

const PAGE = 100;

export const orderData: PersonalData = { name: 'orders', erase: deleteOrdersOf, export: exportOrders };

/** All orders of a user, newest first. They are read in pages, so that memory holds one page at a time. */
async function* exportOrders(database: Database, owner: string): AsyncGenerator<OrderRead> {
  let after: Cursor | undefined;
  do {
    const filter = { limit: PAGE, after };
    const page = await database.read((session) => listOrders(session, { subject: owner, roles: [] }, filter));
    yield* page.rows.map(represent);
    after = page.next;
  } while (after !== undefined);
}
