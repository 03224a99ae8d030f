/** Validation of requests with Ajv, and the problem documents of what is not valid. */

import { Ajv, type AnySchema, type Options, type ValidateFunction } from 'ajv';
import type { FastifySchemaValidationError } from 'fastify';

import { EMAIL } from '../email.ts';
import { type InvalidValue, ServiceError } from '../errors.ts';

/** Larger bodies get their first error only: each of a million items may have one. */
const MOST_VALUES = 1000;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

const options: Options = {
  formats: { uuid: UUID, 'date-time': isMoment, email: EMAIL },
  // The keyword of OpenAPI documents.
  keywords: ['example'],
};

/** Compiles the schemas of requests. `shared` are those that others refer to by `$id`. */
export function buildValidator(shared: Readonly<Record<string, AnySchema | AnySchema[]>>) {
  // Parameters are text. The values of a body have a type of their own, which is not converted.
  const parameters = new Ajv({ ...options, allErrors: true, coerceTypes: true, useDefaults: true });
  const bodies = new Ajv(options);
  const smallBodies = new Ajv({ ...options, allErrors: true });
  for (const ajv of [parameters, bodies, smallBodies]) ajv.addSchema(Object.values(shared).flat());

  return ({ schema, httpPart }: { schema: AnySchema; httpPart?: string }) => {
    if (httpPart !== 'body') return parameters.compile(schema);
    return validateBody(bodies.compile(schema), smallBodies.compile(schema));
  };
}

/** Formats the errors that a validator returns for a part of the request. */
export function invalidRequest(errors: FastifySchemaValidationError[], part: string): ServiceError {
  if (part === 'params') return new ServiceError('not_found');
  const values = errors.map((error) => invalidValue(error, part === 'body'));
  const count = values.length === 1 ? '1 field is' : `${values.length} fields are`;
  return new ServiceError(part === 'body' ? 'validation_failed' : 'invalid_parameter', `${count} not valid`, {
    errors: values,
  });
}

function validateBody(validate: ValidateFunction, validateAll: ValidateFunction): ValidateFunction {
  const { schema, schemaEnv } = validate;
  const check: ValidateFunction = Object.assign(
    (body: unknown): body is unknown => {
      if (validate(body)) return true;
      const errors = isSmall(body) && !validateAll(body) ? validateAll.errors : validate.errors;
      check.errors = errors ?? null;
      return false;
    },
    { schema, schemaEnv },
  );
  return check;
}

function isSmall(body: unknown): boolean {
  let left = MOST_VALUES;
  const fits = (value: unknown): boolean => {
    left -= 1;
    return left > 0 && (typeof value !== 'object' || value === null || Object.values(value).every(fits));
  };
  return fits(body);
}

function invalidValue(error: FastifySchemaValidationError, inBody: boolean): InvalidValue {
  const { missingProperty, additionalProperty } = error.params;
  const name = missingProperty ?? additionalProperty;
  const pointer = typeof name === 'string' ? `${error.instancePath}/${escaped(name)}` : error.instancePath;
  return {
    pointer: inBody ? pointer : pointer.slice(1),
    code: error.keyword.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    detail: error.message ?? 'is not valid',
  };
}

function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** `Date` accepts less and more: 30 February, but no leap second. */
function isMoment(text: string): boolean {
  const [, year, month, day] = RFC3339.exec(text)?.map(Number) ?? [];
  if (year === undefined || month === undefined || day === undefined) return false;
  const utcYear = new Date(text).getUTCFullYear();
  return utcYear >= 0 && utcYear <= 9999 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}
