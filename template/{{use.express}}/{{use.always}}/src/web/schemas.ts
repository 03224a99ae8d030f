/** Schemas that several features use. */

import * as z from 'zod';

// Control characters do not belong in a line of text, and some databases cannot store NUL.
const LINE_OF_TEXT = '^[^\\u0000-\\u001f\\u007f]*$';
const TEXT = '^[^\\u0000]*$';
const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

interface Bounds {
  min?: number;
  max: number;
}

export const Id = z.guid();

export const Moment = z.string().refine(isMoment, 'Invalid time').meta({ format: 'date-time' });

export function lineOfText(bounds: Bounds): z.ZodString {
  return sized(z.string().regex(new RegExp(LINE_OF_TEXT)), bounds);
}

/** Text that may have several lines. */
export function text(bounds: Bounds): z.ZodString {
  return sized(z.string().regex(new RegExp(TEXT)), bounds);
}

/** Text whose length is counted in characters, as JSON Schema does: `min` and `max` of zod count UTF-16 units. */
export function sized(schema: z.ZodString, { min = 0, max }: Bounds): z.ZodString {
  return schema
    .check(({ value, issues }) => {
      const length = countCharacters(value);
      const facts = { origin: 'string', inclusive: true, input: value } as const;
      if (length < min) issues.push({ code: 'too_small', minimum: min, ...facts });
      if (length > max) issues.push({ code: 'too_big', maximum: max, ...facts });
    })
    .meta({ ...(min > 0 && { minLength: min }), maxLength: max });
}

export const ifMatchHeaders = z.object({
  'if-match': z.string().meta({ description: 'The `ETag` of the version to change.' }).exactOptional(),
});

export const ifNoneMatchHeaders = z.object({
  'if-none-match': z.string().meta({ description: 'The `ETag` of the version that the caller has.' }).exactOptional(),
});

function countCharacters(value: string): number {
  let count = 0;
  for (const _ of value) count += 1;
  return count;
}

/** `Date` accepts less and more: 30 February, but no leap second. */
function isMoment(value: string): boolean {
  const [, year, month, day] = RFC3339.exec(value)?.map(Number) ?? [];
  if (year === undefined || month === undefined || day === undefined) return false;
  const utcYear = new Date(value).getUTCFullYear();
  return utcYear >= 0 && utcYear <= 9999 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}
