/** The data of the events of orders. */

import * as z from 'zod';

const schema = z
  .object({ reference: z.string(), currency: z.string(), total: z.string().meta({ examples: ['25.00'] }) })
  .meta({ description: 'An order was placed. The subject is its id.' });

const { $schema: _, ...json } = z.toJSONSchema(schema, { io: 'input' });
export const OrderPlaced = { $id: 'OrderPlaced', ...json };
export type OrderPlaced = z.infer<typeof schema>;
