/** The OpenAPI document: what the operations say, plus errors and headers. */

import { STATUS_CODES } from 'node:http';

import * as z from 'zod';
import {
  createDocument,
  type CreateDocumentOptions,
  type ZodOpenApiOperationObject,
  type ZodOpenApiParameters,
  type ZodOpenApiResponseObject,
} from 'zod-openapi';

import { REFUSALS, SECURITY_SCHEMES } from '../auth/scheme.ts';
import { type ProblemCode, PROBLEMS } from '../problems.ts';
import { DESCRIPTION, NAME, VERSION } from '../version.ts';
import type { Operation } from './operation.ts';
import { hasRateLimit, isProbe } from './paths.ts';
import { PROBLEM_MEDIA_TYPE } from './problem-document.ts';
import type { Route } from './routes.ts';
import { Moment } from './schemas.ts';

const ProblemError = z.object({ pointer: z.string(), code: z.string(), detail: z.string() }).meta({
  id: 'ProblemError',
  description: 'One invalid value. `pointer` is a JSON pointer, or the name of a parameter.',
});
const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    code: z.string(),
    request_id: z.string(),
    timestamp: Moment,
    errors: z.array(ProblemError).exactOptional(),
  })
  .meta({ id: 'Problem', description: 'An error (RFC 9457).' });

const requestIdHeader = { 'X-Request-ID': header('string', 'The id of the request in the logs.') };
const limitHeaders = {
  'RateLimit-Limit': header('integer', 'Requests in one window.'),
  'RateLimit-Remaining': header('integer', 'Requests left in this window.'),
  'RateLimit-Reset': header('integer', 'Seconds until the next window.'),
};

const hasSchemes = Object.keys(SECURITY_SCHEMES).length > 0;
/** Any of the schemes will do. */
const security = Object.keys(SECURITY_SCHEMES).map((name) => ({ [name]: [] }));

export function documentOf(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const route of routes) {
    if (route.operation.hidden === true) continue;
    const path = route.template.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method]: described(route) };
  }
  return createDocument(
    {
      openapi: '3.1.0',
      info: { title: NAME, version: VERSION, description: DESCRIPTION },
      paths,
      ...(hasSchemes && { components: { securitySchemes: SECURITY_SCHEMES } }),
    },
    { override },
  );
}

function described(route: Route): ZodOpenApiOperationObject {
  const { operationId, summary, description, tags, permission, body, deprecated } = route.operation;
  const requestParams = parametersOf(route.operation);
  return {
    operationId,
    summary,
    description,
    tags: [...tags],
    ...(requestParams !== undefined && { requestParams }),
    ...(body !== undefined && { requestBody: { required: true, content: contentOf(body, route.method) } }),
    ...(hasSchemes && permission !== undefined && { security }),
    ...(deprecated !== undefined && { deprecated: true }),
    responses: responsesOf(route),
  };
}

function parametersOf({ params, query, headers, problems = [] }: Operation): ZodOpenApiParameters | undefined {
  if (params === undefined && query === undefined && headers === undefined) return undefined;
  // Optional for the validator, because a request without it gets 428.
  const isConditional = problems.includes('precondition_required');
  return {
    ...(params !== undefined && { path: params as z.ZodObject }),
    ...(query !== undefined && { query: query as z.ZodObject }),
    ...(headers !== undefined && { header: isConditional ? headers.required() : headers }),
  };
}

function contentOf(body: z.ZodType, method: string) {
  const media = { schema: body };
  return {
    'application/json': media,
    ...(method === 'patch' && { 'application/merge-patch+json': media }),
  };
}

function responsesOf(route: Route): Record<string, ZodOpenApiResponseObject> {
  const { responses, mediaType = 'application/json' } = route.operation;
  const headers = { ...requestIdHeader, ...(hasRateLimit(route.template) && limitHeaders) };
  const found: Record<string, ZodOpenApiResponseObject> = {};
  for (const [status, codes = []] of Object.entries(
    Object.groupBy(problemsOf(route), (code) => PROBLEMS[code].status),
  )) {
    const description = codes.map((code) => `\`${code}\``).join(', ');
    found[status] = { description, headers, content: { [PROBLEM_MEDIA_TYPE]: { schema: Problem } } };
  }
  // After the problems: the document of a probe has its own response with 503.
  for (const [status, schema] of Object.entries(responses)) {
    found[status] =
      typeof schema === 'string'
        ? { description: schema, headers }
        : { description: STATUS_CODES[status] ?? '', headers, content: { [mediaType]: { schema } } };
  }
  return found;
}

function problemsOf({ template, operation }: Route): ProblemCode[] {
  const { permission, params, query, headers, body, problems = [] } = operation;
  const codes: ProblemCode[] = [...problems];
  if (permission !== undefined) codes.push(...REFUSALS);
  if (hasSchemes && permission !== undefined && permission !== 'authenticated') codes.push('permission_denied');
  if (body !== undefined) {
    codes.push('malformed_json', 'request_timeout', 'payload_too_large', 'unsupported_media_type', 'validation_failed');
  }
  if (query !== undefined || headers !== undefined) codes.push('invalid_parameter');
  if (params !== undefined) codes.push('not_found');
  if (hasRateLimit(template)) codes.push('rate_limited');
  return isProbe(template) ? ['internal_error'] : [...codes, 'internal_error', 'unavailable', 'overloaded'];
}

/** Leaves out what zod adds: callers must expect new fields, and the form of a format is known. */
const override: NonNullable<CreateDocumentOptions['override']> = ({ jsonSchema, io }) => {
  if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
  if (jsonSchema.format === 'uuid') delete jsonSchema.pattern;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
};

function header(type: 'string' | 'integer', description: string) {
  return { description, schema: { type } };
}
