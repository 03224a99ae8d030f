import type { Database } from '../../src/database.ts';
import { OrdersRepository } from '../../src/orders/orders.repository.ts';
import { OrdersService } from '../../src/orders/orders.service.ts';

/** The service of orders on a database, without modules. */
export function ordersOn(database: Database): OrdersService {
  return new OrdersService(database, new OrdersRepository());
}
