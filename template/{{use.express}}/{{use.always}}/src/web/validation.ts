/** Validation of requests with zod, and the problem documents of what is not valid. */

import type { Request } from 'express';
import type { core, ZodType } from 'zod';

import { type InvalidValue, ServiceError } from '../errors.ts';

/** The most errors of one response: a body may have a thousand unknown fields. */
const MOST_ERRORS = 100;

/** @throws not_found: nothing has such a path */
export function parseParams<T>(schema: ZodType<T> | undefined, params: unknown): T {
  if (schema === undefined) return params as T;
  const parsed = schema.safeParse(params);
  if (!parsed.success) throw new ServiceError('not_found');
  return parsed.data;
}

/** @throws invalid_parameter */
export function parseQuery<T>(schema: ZodType<T> | undefined, req: { query: unknown }): T {
  // Express parses the query anew at each access.
  return schema === undefined ? (undefined as T) : parse(schema, req.query, 'invalid_parameter');
}

/** @throws invalid_parameter */
export function checkHeaders(schema: ZodType | undefined, { headers }: Pick<Request, 'headers'>): void {
  if (schema !== undefined) parse(schema, headers, 'invalid_parameter');
}

/** Receives the body, if the operation has one. @throws validation_failed, and what `readBody` throws */
export async function parseBody<T>(schema: ZodType<T> | undefined, req: Pick<Request, 'readBody'>): Promise<T> {
  return schema === undefined ? (undefined as T) : parse(schema, await req.readBody(), 'validation_failed');
}

function parse<T>(schema: ZodType<T>, value: unknown, code: 'invalid_parameter' | 'validation_failed'): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const inBody = code === 'validation_failed';
  const errors = parsed.error.issues.flatMap((issue) => invalidValues(issue, inBody)).slice(0, MOST_ERRORS);
  const count = errors.length === 1 ? '1 field is' : `${errors.length} fields are`;
  throw new ServiceError(code, `${count} not valid`, { errors });
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
