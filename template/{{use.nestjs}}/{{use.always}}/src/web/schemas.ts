/** Schemas that several features use. */

import { z } from 'zod';

/** Text of some characters. zod itself counts those beyond U+FFFF twice, and JSON schema counts them once. */
export function text(minLength: number, maxLength: number): z.ZodString {
  return z
    .string()
    .check(({ value, issues }) => {
      const { length } = Array.from(value);
      const facts = { origin: 'string', inclusive: true, input: value } as const;
      if (length < minLength) issues.push({ ...facts, code: 'too_small', minimum: minLength });
      if (length > maxLength) issues.push({ ...facts, code: 'too_big', maximum: maxLength });
    })
    .meta({ ...(minLength > 0 && { minLength }), maxLength });
}

/** A moment of RFC 3339. Its year has four digits, also in UTC. */
export const Moment = z.iso
  .datetime({ offset: true })
  .transform((written) => new Date(written))
  .refine((moment) => moment.getUTCFullYear() >= 0 && moment.getUTCFullYear() <= 9999, 'Invalid year');
