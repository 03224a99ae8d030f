/** The OpenAPI document: what `@nestjs/swagger` derives from the decorators, plus errors and headers. */

import { STATUS_CODES } from 'node:http';

import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, getSchemaPath, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { z } from 'zod';

import { REFUSALS, SECURITY_SCHEMES } from '../auth/scheme.ts';
import { ServiceError } from '../errors.ts';
import { toJsonSchema } from '../json-schema.ts';
import { type ProblemCode, PROBLEMS } from '../problems.ts';
import { DESCRIPTION, NAME, VERSION } from '../version.ts';
import type { RoutePermission } from './access.decorators.ts';
import { hasRateLimit, isProbe } from './paths.ts';
import { PROBLEM_MEDIA_TYPE } from './problem-document.ts';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']> & {
  'x-permission'?: RoutePermission;
  'x-problems'?: readonly ProblemCode[];
  'x-deprecated'?: boolean;
};
interface Response {
  description: string;
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
const DOCS = '/docs';
/** A file that the page does not serve, with an exception that the server does not know. */
const REFUSED = `${DOCS}/LICENSE`;
/** The page loads its own scripts, and has a style sheet and images of its own. */
const DOCS_POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

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
    timestamp: z.iso.datetime(),
    errors: z.array(ProblemError).optional(),
  })
  .meta({ id: 'Problem', description: 'An error (RFC 9457).' });

const requestIdHeader = { 'X-Request-ID': header('string', 'The id of the request in the logs.') };
const limitHeaders = {
  'RateLimit-Limit': header('integer', 'Requests in one window.'),
  'RateLimit-Remaining': header('integer', 'Requests left in this window.'),
  'RateLimit-Reset': header('integer', 'Seconds until the next window.'),
};

const SCHEMES: Record<string, Parameters<DocumentBuilder['addSecurity']>[1]> = SECURITY_SCHEMES;
/** Any of the schemes will do. */
const security = Object.keys(SCHEMES).map((name) => ({ [name]: [] }));

/** The document of an application that is initialized. */
export function createDocument(app: NestFastifyApplication): OpenAPIObject {
  const builder = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle(NAME)
    .setVersion(VERSION)
    .setDescription(DESCRIPTION);
  for (const [name, scheme] of Object.entries(SCHEMES)) builder.addSecurity(name, scheme);
  const document = SwaggerModule.createDocument(app, builder.build(), {
    // The default is the form of OpenAPI 3.0.
    standardSchemaConverter: (schema) => toJsonSchema(schema as z.ZodType),
  });
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const operation = item[method];
      if (operation !== undefined) item[method] = completed(operation, path);
    }
  }
  document.components = {
    ...document.components,
    schemas: { ...document.components?.schemas, ...componentsOf(Problem) },
  };
  return document;
}

/** Serve the document, and a page that shows it. */
export function serveDocument(app: NestFastifyApplication): void {
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', (request, reply, done) => {
      const isPage = request.path === DOCS || request.path.startsWith(`${DOCS}/`);
      if (isPage) reply.header('content-security-policy', DOCS_POLICY);
      done(request.path === REFUSED ? new ServiceError('not_found') : undefined);
    });
  SwaggerModule.setup(DOCS, app, () => createDocument(app), { jsonDocumentUrl: 'openapi.json', raw: ['json'] });
}

function completed(operation: Operation, path: string): Operation {
  const { 'x-permission': permission, 'x-problems': problems = [], 'x-deprecated': deprecated, ...rest } = operation;
  const headers = { ...requestIdHeader, ...(hasRateLimit(path) && limitHeaders) };
  const successes = Object.entries(operation.responses as Record<string, Response>).map(
    ([status, response]) =>
      [status, { ...response, description: response.description || (STATUS_CODES[status] ?? ''), headers }] as const,
  );
  const codes = [...problems, ...impliedProblems(operation, path, permission)];
  const refusals = Object.entries(Object.groupBy(codes, (code) => PROBLEMS[code].status)).map(
    ([status, group = []]) => {
      const description = group.map((code) => `\`${code}\``).join(', ');
      const content = { [PROBLEM_MEDIA_TYPE]: { schema: { $ref: getSchemaPath('Problem') } } };
      return [status, { description, content, headers }] as const;
    },
  );
  return {
    ...rest,
    ...(deprecated && { deprecated }),
    ...(permission !== undefined && security.length > 0 && { security }),
    // The document of a probe has its own response with 503.
    responses: { ...Object.fromEntries(refusals), ...Object.fromEntries(successes) },
  };
}

function impliedProblems(
  { parameters = [], requestBody }: Operation,
  path: string,
  permission: RoutePermission | undefined,
): ProblemCode[] {
  const codes: ProblemCode[] = [];
  const places = new Set(parameters.map((parameter) => ('in' in parameter ? parameter.in : undefined)));
  if (permission !== undefined) codes.push(...REFUSALS);
  if (security.length > 0 && permission !== undefined && permission !== 'authenticated')
    codes.push('permission_denied');
  if (requestBody !== undefined) {
    codes.push('malformed_json', 'request_timeout', 'payload_too_large', 'unsupported_media_type', 'validation_failed');
  }
  if (places.has('query') || places.has('header')) codes.push('invalid_parameter');
  if (places.has('path')) codes.push('not_found');
  if (hasRateLimit(path)) codes.push('rate_limited');
  return isProbe(path) ? ['internal_error'] : [...codes, 'internal_error', 'unavailable', 'overloaded'];
}

/** A schema and those to which it refers, by name. */
function componentsOf(schema: z.ZodType): Record<string, object> {
  const text = JSON.stringify(toJsonSchema(schema).components).replaceAll('#/$defs/', '#/components/schemas/');
  return JSON.parse(text) as Record<string, object>;
}

function header(type: string, description: string) {
  return { description, schema: { type } };
}
