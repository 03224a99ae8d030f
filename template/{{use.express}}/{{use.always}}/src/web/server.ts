/** The HTTP server below Express. */

import { once } from 'node:events';
import { createServer as createHttpServer, type Server, STATUS_CODES } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Express } from 'express';

import { newId } from '../clock.ts';
import type { Settings } from '../config/index.ts';
import { ServiceError } from '../errors.ts';
import { PROBLEMS } from '../problems.ts';
import { defaultHeaders } from './headers.ts';
import { problemDocument, problemHeaders } from './problem-document.ts';

/** Longer than the 60 seconds of usual load balancers, so that they close idle connections first. */
const KEEP_ALIVE_MS = 65_000;
/** Long enough for the requests of connections that were accepted at the last moment. */
const LAST_CONNECTIONS_MS = 250;

export function createServer(app: Express, settings: Settings): Server {
  const server = createHttpServer(
    {
      keepAliveTimeout: KEEP_ALIVE_MS,
      // Also for the rest of a body that was refused.
      requestTimeout: Math.ceil((settings.bodyTimeoutSeconds + 10) * 1000),
      connectionsCheckingInterval: 1000,
    },
    app,
  );
  return server.on('clientError', refuseInvalid(settings));
}

/** Accept no more connections, and wait for the requests in flight. */
export async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  // Not the method of `http.Server`: it cuts idle connections, also those whose next request is on its way.
  NetServer.prototype.close.call(server);
  await sleep(LAST_CONNECTIONS_MS);
  // Again and again: a response that had begun before the end leaves its connection open.
  const closing = setInterval(() => server.closeIdleConnections(), 100);
  await closed;
  clearInterval(closing);
}

/** Answers a request that the HTTP parser refuses. Express does not see it. */
function refuseInvalid(settings: Settings) {
  const headers = defaultHeaders(settings);
  return (error: Error & { code?: string }, socket: Socket): void => {
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const problem =
      error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? new ServiceError('request_timeout')
        : new ServiceError('invalid_parameter', 'The request is not valid HTTP');
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
