import { type core, z } from 'zod';

/** A schema as JSON schema, which OpenAPI 3.1 has. Schemas with an `id` are in `components`. */
export function toJsonSchema(schema: z.ZodType): { schema: object; components: Record<string, object> } {
  const {
    $schema: _,
    $defs: components = {},
    ...root
  } = z.toJSONSchema(schema, {
    // Also for responses: new fields may be added to them.
    io: 'input',
    override: ({ jsonSchema }) => dropImplied(jsonSchema),
  });
  return { schema: root, components };
}

/** What zod adds, and what says nothing new to a reader. */
function dropImplied(schema: core.JSONSchema.BaseSchema): void {
  if (schema.format !== undefined) delete schema.pattern;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
}
