/** The application under test, served on a port of its own, and who calls it. */

import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request as open, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

import supertest from 'supertest';

import { type App as Service, createApp as createService } from '../src/app.ts';
import { createServer } from '../src/web/server.ts';

/** The program of a cluster. */
export const CLUSTER = 'src/cluster.ts';

export interface Request {
  url: string;
  method?: string;
  /** An object is sent as JSON. */
  payload?: object | string;
  headers?: Record<string, string>;
}

export interface Response {
  statusCode: number;
  headers: IncomingHttpHeaders;
  body: string;
  rawPayload: Buffer;
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- tests say what they expect
  json: <T = Record<string, unknown>>() => T;
}

export interface App extends Service {
  server: Server;
  /** Sends requests with supertest. */
  http: ReturnType<typeof supertest.agent>;
  /** Sends a request as it is, for the tests that the services of all frameworks have. */
  inject: (request: Request | string) => Promise<Response>;
  close: () => Promise<void>;
}

export async function createApp(...options: Parameters<typeof createService>): Promise<App> {
  const [settings] = options;
  const service = createService(...options);
  const server = createServer(service.express, settings);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const close = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
    await service.database.close();
  };
  return { ...service, server, http: supertest.agent(server), inject: (request) => send(server, request), close };
}

/** The application, as a caller uses it who sends these headers with each request. */
export function calledWith(app: App, headers: Record<string, string>): App {
  return {
    ...app,
    http: supertest.agent(app.server).set(headers),
    inject: (request) => {
      const options = typeof request === 'string' ? { url: request } : request;
      return app.inject({ ...options, headers: { ...headers, ...options.headers } });
    },
  };
}

async function send(server: Server, request: Request | string): Promise<Response> {
  const { url, method = 'GET', payload, headers } = typeof request === 'string' ? { url: request } : request;
  const isRaw = payload === undefined || typeof payload === 'string' || Buffer.isBuffer(payload);
  const { port } = server.address() as AddressInfo;
  const outgoing = open({
    port,
    path: url,
    method,
    headers: { ...(!isRaw && { 'content-type': 'application/json' }), ...headers },
  });
  outgoing.end(isRaw ? payload : JSON.stringify(payload));
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  const rawPayload = await buffer(incoming);
  const body = rawPayload.toString();
  return {
    statusCode: incoming.statusCode ?? 0,
    headers: incoming.headers,
    body,
    rawPayload,
    json: () => JSON.parse(body),
  };
}
