import { type core, z } from 'zod';

/** A schema as JSON schema, which OpenAPI 3.1 has. Schemas with an `id` are in `components`. */
export function toJsonSchema(schema: z.ZodType): { schema: object; components: Record<string, object> } {
  const { $schema: _, $defs: components = {}, ...root } = z.toJSONSchema(schema, {
    // Also for responses: new fields may be added to them.
    io: 'input',
    override: ({ jsonSchema }) => dropImplied(jsonSchema),
  });
  return { schema: root, components };
}

/** A format says more than the pattern that checks it. */
function dropImplied(schema: core.JSONSchema.BaseSchema): void {
  if (schema.format !== undefined) delete schema.pattern;
}
