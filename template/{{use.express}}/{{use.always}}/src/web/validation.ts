/** Validation of requests with zod, and the problem documents of what is not valid. */

import type { core, ZodType } from 'zod';

import { type InvalidValue, ServiceError } from '../errors.ts';
import type { ProblemCode } from '../problems.ts';

/** The most errors of one response: a body may have a thousand unknown fields. */
const MOST_ERRORS = 100;

/** @throws not_found: nothing has such a path */
export function parseParams<T>(schema: ZodType<T> | undefined, params: unknown): T {
  const parsed = schema?.safeParse(params);
  if (parsed?.success === false) throw new ServiceError('not_found');
  return (parsed === undefined ? params : parsed.data) as T;
}

/** @throws invalid_parameter */
export function parseQuery<T>(schema: ZodType<T> | undefined, query: unknown): T {
  // The parser of Express gives an object without a prototype.
  return parse(schema, () => ({ ...(query as object) }), 'invalid_parameter');
}

/** @throws invalid_parameter */
export function parseHeaders(schema: ZodType | undefined, headers: object): void {
  parse(schema, () => headers, 'invalid_parameter');
}

/** Receives the body only if the operation has one. @throws validation_failed, and what `read` throws */
export async function parseBody<T>(schema: ZodType<T> | undefined, read: () => Promise<unknown>): Promise<T> {
  const body = schema === undefined ? undefined : await read();
  return parse(schema, () => body, 'validation_failed');
}

function parse<T>(schema: ZodType<T> | undefined, value: () => unknown, code: ProblemCode): T {
  const parsed = schema?.safeParse(value());
  if (parsed?.success !== false) return parsed?.data as T;
  const inBody = code === 'validation_failed';
  const errors = parsed.error.issues.flatMap((issue) => invalidValues(issue, inBody)).slice(0, MOST_ERRORS);
  throw new ServiceError(code, errors.length === 1 ? '1 field is not valid' : `${errors.length} fields are not valid`, {
    errors,
  });
}

function invalidValues(issue: core.$ZodIssue, inBody: boolean): InvalidValue[] {
  const { code, path, message } = issue;
  if (code !== 'unrecognized_keys') return [{ pointer: pointerOf(path, inBody), code, detail: message }];
  const keys = issue.keys.slice(0, MOST_ERRORS);
  return keys.map((key) => ({ pointer: pointerOf([...path, key], inBody), code, detail: 'Unrecognized key' }));
}

/** A JSON pointer into the body (RFC 6901), or the name of a parameter. */
function pointerOf(path: readonly PropertyKey[], inBody: boolean): string {
  if (!inBody) return path.map(String).join('.');
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
