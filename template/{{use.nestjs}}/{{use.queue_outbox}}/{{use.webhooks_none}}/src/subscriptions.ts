/**
 * The handlers of each type of event, and what its data holds. An event may have several handlers; each has its own
 * retries, and a name of its own.
 */

import { dataSchema } from './messaging/data-schema.ts';
import { BatchHandler, type DataSchemas, type Handlers } from './messaging/handlers.ts';
import { OrderPlaced } from './orders/events.ts';
import { confirmOrders } from './orders/handlers.ts';

export const HANDLERS: Handlers = {
  'order.placed': [new BatchHandler(confirmOrders)],
};

export const DATA: DataSchemas = {
  'order.placed': dataSchema(OrderPlaced),
};
