/** The data of the events of orders. */

import { z } from 'zod';

export const OrderPlaced = z
  .object({ reference: z.string(), currency: z.string(), total: z.string().meta({ examples: ['25.00'] }) })
  .meta({ id: 'OrderPlaced', description: 'An order was placed. The subject is its id.' });
export type OrderPlaced = z.infer<typeof OrderPlaced>;
