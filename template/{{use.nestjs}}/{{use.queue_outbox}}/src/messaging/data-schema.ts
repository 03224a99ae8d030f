import type { z } from 'zod';

import { toJsonSchema } from '../json-schema.ts';

/** The JSON schema of the data of an event. The `id` of its zod schema names it. */
export function dataSchema(schema: z.ZodType): object {
  const { id = '' } = schema.meta() ?? {};
  return { $id: id, ...toJsonSchema(schema).components[id] };
}
