/** Handlers of events that change orders. */

import type { Session } from '../database.ts';
import type { Event } from '../messaging/events.ts';
import { confirmPlaced } from './repository.ts';

/** Confirm the orders that are still placed, not those that have been cancelled or deleted. */
export async function confirmOrders(session: Session, events: readonly Event[]): Promise<void> {
  await confirmPlaced(
    session,
    events.map(({ subject }) => subject),
  );
}
