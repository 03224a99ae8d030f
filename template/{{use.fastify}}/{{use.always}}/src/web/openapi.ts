/** The OpenAPI document: what `@fastify/swagger` derives from the routes, plus errors and headers. */

import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify';
import { type TObject, Type } from 'typebox';

import { REFUSALS, SECURITY_SCHEMES } from '../auth/scheme.ts';
import { type ProblemCode, PROBLEMS } from '../problems.ts';
import { DESCRIPTION, NAME, VERSION } from '../version.ts';
import { hasRateLimit, isProbe } from './paths.ts';
import { PROBLEM_MEDIA_TYPE } from './problem-document.ts';
import { ref } from './schemas.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the route may answer beside the problems that its schema implies. */
    problems?: readonly ProblemCode[];
  }
}

const ProblemError = Type.Object(
  { pointer: Type.String(), code: Type.String(), detail: Type.String() },
  { $id: 'ProblemError', description: 'One invalid value. `pointer` is a JSON pointer, or the name of a parameter.' },
);
const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    instance: Type.String(),
    code: Type.String(),
    request_id: Type.String(),
    timestamp: Type.String({ format: 'date-time' }),
    errors: Type.Optional(Type.Array(ref(ProblemError))),
  },
  { $id: 'Problem', description: 'An error (RFC 9457).' },
);

const requestIdHeader = { 'X-Request-ID': header('string', 'The id of the request in the logs.') };
const limitHeaders = {
  'RateLimit-Limit': header('integer', 'Requests in one window.'),
  'RateLimit-Remaining': header('integer', 'Requests left in this window.'),
  'RateLimit-Reset': header('integer', 'Seconds until the next window.'),
};

const hasSchemes = Object.keys(SECURITY_SCHEMES).length > 0;
/** Any of the schemes will do. */
const security = Object.keys(SECURITY_SCHEMES).map((name) => ({ [name]: [] }));

/** Must be called before the routes are added. */
export async function addDocument(app: FastifyInstance): Promise<void> {
  app.addSchema(ProblemError);
  app.addSchema(Problem);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: NAME, version: VERSION, description: DESCRIPTION },
      ...(hasSchemes && { components: { securitySchemes: SECURITY_SCHEMES } }),
    },
    refResolver: {
      buildLocalReference: ({ $id }, _base, _fragment, index) => (typeof $id === 'string' ? $id : `schema-${index}`),
    },
    transform: ({ schema, url, route }) => ({ schema: completed(schema, url, route), url }),
  });
}

export async function addDocumentPages(app: FastifyInstance): Promise<void> {
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true, uiConfig: { url: '/openapi.json' } });
}

function completed(schema: FastifySchema | undefined, url: string, route: RouteOptions): FastifySchema {
  if (schema === undefined || schema.hide === true) return { hide: true };
  const headers = { ...requestIdHeader, ...(hasRateLimit(url) && limitHeaders) };
  const successes = Object.entries((schema.response ?? {}) as Record<string, object>).map(
    ([status, response]) => [status, { ...response, headers }] as const,
  );
  const problems = Object.entries(Object.groupBy(problemsOf(schema, url, route), (code) => PROBLEMS[code].status)).map(
    ([status, codes = []]) => {
      const description = codes.map((code) => `\`${code}\``).join(', ');
      return [status, { description, content: { [PROBLEM_MEDIA_TYPE]: { schema: ref(Problem) } }, headers }] as const;
    },
  );
  const consumes =
    schema.body && route.method === 'PATCH' ? ['application/json', 'application/merge-patch+json'] : undefined;
  // Optional for the validator, because a request without it gets 428.
  const isConditional = route.config?.problems?.includes('precondition_required');
  return {
    ...schema,
    ...(schema.querystring !== undefined && { querystring: withoutDefaults(schema.querystring) }),
    ...(consumes && { consumes }),
    ...(hasSchemes && route.config?.permission && { security }),
    ...(isConditional && { headers: { ...(schema.headers as object), required: ['if-match'] } }),
    // The document of a probe has its own response with 503.
    response: { ...Object.fromEntries(problems), ...Object.fromEntries(successes) },
  };
}

/** A parameter with a default may be left out. The validator fills it in, so the type of the route requires it. */
function withoutDefaults(parameters: unknown): object {
  const schema = parameters as TObject;
  const required = schema.required.filter((name) => !Object.hasOwn(schema.properties[name] ?? {}, 'default'));
  return { ...schema, required };
}

function problemsOf(schema: FastifySchema, url: string, route: RouteOptions): ProblemCode[] {
  const codes: ProblemCode[] = [...(route.config?.problems ?? [])];
  const permission = route.config?.permission;
  if (permission !== undefined) codes.push(...REFUSALS);
  if (hasSchemes && permission !== undefined && permission !== 'authenticated') codes.push('permission_denied');
  if (schema.body) {
    codes.push('malformed_json', 'request_timeout', 'payload_too_large', 'unsupported_media_type', 'validation_failed');
  }
  if (schema.querystring || schema.headers) codes.push('invalid_parameter');
  if (schema.params) codes.push('not_found');
  if (hasRateLimit(url)) codes.push('rate_limited');
  return isProbe(url) ? ['internal_error'] : [...codes, 'internal_error', 'unavailable', 'overloaded'];
}

function header(type: string, description: string) {
  return { type, description };
}
