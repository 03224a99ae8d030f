/** The application under test, and who calls it. */

import type { AddressInfo } from 'node:net';

import type { FastifyInstance, InjectOptions } from 'fastify';
import type { Response } from 'light-my-request';

export { createApp } from '../src/app.ts';
export type { Response } from 'light-my-request';

export type App = FastifyInstance;

/** The program of a cluster. */
export const CLUSTER = 'src/cluster.ts';

/** The application, as a caller uses it who sends these headers with each request. */
export function calledWith(app: App, headers: Record<string, string>): App {
  const inject = (request: InjectOptions | string): Promise<Response> => {
    const options = typeof request === 'string' ? { url: request } : request;
    return app.inject({ ...options, headers: { ...headers, ...options.headers } });
  };
  // oxlint-disable-next-line unicorn/no-thenable -- awaited, an instance of Fastify gives itself: without the headers
  return Object.create(app, { inject: { value: inject }, then: { value: undefined } }) as App;
}

/** Listens on a free port. Returns it. */
export async function listen(app: App): Promise<number> {
  await app.listen({ port: 0 });
  return (app.server.address() as AddressInfo).port;
}
