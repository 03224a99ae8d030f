/** Schemas that several features use. */

import { type Static, type TSchema, Type } from 'typebox';

/** A reference to a schema with an `$id`, which a plugin has added. The API document names it instead of repeating it. */
export function ref<T extends TSchema & { $id?: string }>(schema: T) {
  return Type.Unsafe<Static<T>>({ $ref: `${schema.$id ?? ''}#` });
}

export const ifMatchHeaders = Type.Object({
  'if-match': Type.Optional(Type.String({ description: 'The `ETag` of the version to change.' })),
});

export const ifNoneMatchHeaders = Type.Object({
  'if-none-match': Type.Optional(Type.String({ description: 'The `ETag` of the version that the caller has.' })),
});
