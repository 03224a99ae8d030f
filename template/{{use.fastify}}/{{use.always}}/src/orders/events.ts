/** The data of the events of orders. */

import { type Static, Type } from 'typebox';

export const OrderPlaced = Type.Object(
  { reference: Type.String(), currency: Type.String(), total: Type.String({ examples: ['25.00'] }) },
  { $id: 'OrderPlaced', description: 'An order was placed. The subject is its id.' },
);
export type OrderPlaced = Static<typeof OrderPlaced>;
