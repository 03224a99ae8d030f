/** Turns every error into a problem document: those of routes, of Fastify, and of the HTTP parser. */

import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';

import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import { newId } from '../clock.ts';
import type { Settings } from '../config/index.ts';
import { ServiceError } from '../errors.ts';
import { PROBLEMS } from '../problems.ts';
import type { Enter } from './envelope.ts';
import { defaultHeaders } from './headers.ts';
import { concealed, problemDocument, problemHeaders } from './problem-document.ts';

interface KnownRoute {
  segments: string[];
  methods: string[];
}

export function addErrorHandlers(app: FastifyInstance): void {
  app.setErrorHandler((error: FastifyError, request, reply) =>
    sendProblem(request, reply, asServiceError(error, request)),
  );
}

/** Refuses requests without a route, before their body is received. Must be called before the routes are added. */
export function addNotFound(app: FastifyInstance): void {
  const routes: KnownRoute[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    routes.push({ segments: url.split('/'), methods: [method].flat() });
  });

  app.addHook('onRequest', (request, _reply, done) => {
    if (!request.is404) done();
    else done(notFound(allowedMethods(routes, request.path)));
  });

  // Hooks run for unknown routes only if there is a handler.
  app.setNotFoundHandler((request) => {
    throw notFound(allowedMethods(routes, request.path));
  });
}

function notFound(allowed: readonly string[]): ServiceError {
  if (allowed.length === 0) return new ServiceError('not_found', 'There is nothing at this address');
  return new ServiceError('method_not_allowed', undefined, { headers: { allow: allowed.join(', ') } });
}

/** Answers a request that Fastify refuses before its hooks: the URL has an invalid escape. */
export function createFrameworkErrorHandler(enter: Enter) {
  return (_error: FastifyError, request: FastifyRequest, reply: FastifyReply): void => {
    enter(request, reply);
    void sendProblem(request, reply, new ServiceError('not_found', 'The address is not valid'));
  };
}

/** Answers a request that the HTTP parser refuses. There is neither a request nor a reply yet. */
export function createClientErrorHandler(settings: Settings) {
  const headers = defaultHeaders(settings);
  return (error: Error & { code?: string }, socket: Socket): void => {
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const problem = new ServiceError(
      error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'request_timeout' : 'invalid_parameter',
      error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? undefined : 'The request is not valid HTTP',
    );
    const { status } = PROBLEMS[problem.code];
    const requestId = newId();
    const body = JSON.stringify(problemDocument(problem, '', requestId));
    const lines = Object.entries({
      ...headers,
      ...problemHeaders(problem, false),
      'x-request-id': requestId,
      'content-length': String(Buffer.byteLength(body)),
      connection: 'close',
    }).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`);
  };
}

function sendProblem(request: FastifyRequest, reply: FastifyReply, error: ServiceError): FastifyReply {
  const document = problemDocument(error, request.path, request.context.requestId);
  const headers = problemHeaders(error, request.headers.authorization !== undefined);
  return (
    reply
      // Fastify closes the connection after a body that is refused. A client that still sends it could not read why.
      .removeHeader('connection')
      .code(document.status)
      .headers(headers)
      // Not as text: Fastify would add a charset, which this media type does not have.
      .send(Buffer.from(JSON.stringify(document)))
  );
}

function asServiceError(error: FastifyError | ServiceError, request: FastifyRequest): ServiceError {
  if (error instanceof ServiceError) return error;
  if (error.statusCode === 413) return new ServiceError('payload_too_large');
  if (error.statusCode === 415) return new ServiceError('unsupported_media_type');
  return concealed(error, request.path);
}

/** The methods of the routes that match a path. Without parameters beats with: `/users/me` is no `/users/:id`. */
function allowedMethods(routes: readonly KnownRoute[], path: string): string[] {
  const parts = path.split('/');
  const matching = routes.filter(
    ({ segments }) =>
      segments.length === parts.length &&
      segments.every((segment, index) => segment === parts[index] || segment.startsWith(':')),
  );
  const literal = matching.filter(({ segments }) => segments.every((segment) => !segment.startsWith(':')));
  const best = literal.length > 0 ? literal : matching;
  return [...new Set(best.flatMap(({ methods }) => methods))].toSorted();
}
