/** The application under test, and who calls it. */

import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { InjectOptions, LightMyRequestResponse as Response } from 'fastify';

import { createApp as createNestApp } from '../src/app.ts';
import type { Authenticator } from '../src/auth/provider.ts';
import { Database } from '../src/database.ts';
import { Queue } from '../src/messaging/index.ts';
import { AUTHENTICATOR } from '../src/tokens.ts';
import { Draining } from '../src/web/draining.ts';

export type { LightMyRequestResponse as Response } from 'fastify';

/** The program of a cluster: `make build` compiles it. */
export const CLUSTER = 'dist/cluster.js';

export interface App {
  inject: (request: InjectOptions | string) => Promise<Response>;
  database: Database;
  queue: Queue;
  authenticator: Authenticator;
  drain: () => void;
  server: NestFastifyApplication;
  close: () => Promise<void>;
}

export async function createApp(...options: Parameters<typeof createNestApp>): Promise<App> {
  const nest = await createNestApp(...options);
  return {
    inject: (request) => nest.inject(request),
    database: nest.get(Database),
    queue: nest.get(Queue),
    authenticator: nest.get<Authenticator>(AUTHENTICATOR),
    drain: () => nest.get(Draining).begin(),
    server: nest,
    close: () => nest.close(),
  };
}

/** The application, as a caller uses it who sends these headers with each request. */
export function calledWith(app: App, headers: Record<string, string>): App {
  const inject = (request: InjectOptions | string): Promise<Response> => {
    const options = typeof request === 'string' ? { url: request } : request;
    return app.inject({ ...options, headers: { ...headers, ...options.headers } });
  };
  return { ...app, inject };
}

/** Listens on a free port. Returns it. */
export async function listen({ server }: App): Promise<number> {
  await server.listen({ port: 0, host: '127.0.0.1' });
  return Number(new URL(await server.getUrl()).port);
}
