/** The application: Nest on a Fastify server. */

import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

import { AppModule } from './app.module.ts';
import type { Authenticator } from './auth/provider.ts';
import { Cache } from './cache.ts';
import type { Settings } from './config/index.ts';
import { Database } from './database.ts';
import { watchConnections } from './metrics.ts';
import { AUTHENTICATOR } from './tokens.ts';
import { addAuthenticationCheck } from './web/access.ts';
import { HttpAdapter } from './web/adapter.ts';
import { addBodyParsers } from './web/bodies.ts';
import { addCompression } from './web/compression.ts';
import { addDeprecation } from './web/deprecation.ts';
import { Draining } from './web/draining.ts';
import { addLimits } from './web/envelope.ts';
import { addNotFound } from './web/errors.ts';
import { Load } from './web/load.ts';
import { NestLogger } from './web/nest-logger.ts';
import { createDocument, serveDocument } from './web/openapi.ts';
import { addParameterCheck } from './web/parameters.ts';
import { createServer } from './web/server.ts';

/**
 * The application, ready to be served. It opens no connection before its first request. `features` are modules beside
 * those of the service: tests have such.
 */
export async function createApp(settings: Settings, features: Type[] = []): Promise<NestFastifyApplication> {
  const draining = new Draining();
  const server = createServer(settings, draining);
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.forRoot(settings, draining, features),
    new HttpAdapter(server),
    { logger: new NestLogger(), bodyParser: false, abortOnError: false },
  );
  const load = new Load(settings);
  const database = app.get(Database);
  watchConnections(() => database.connections());

  addLimits(server, { settings, load, cache: app.get(Cache), authenticator: app.get<Authenticator>(AUTHENTICATOR) });
  addNotFound(server);
  addParameterCheck(server);
  addAuthenticationCheck(server);
  addDeprecation(server);
  addBodyParsers(server, load);
  addCompression(server);
  if (settings.docsEnabled) serveDocument(app);
  return app.init();
}

/** The OpenAPI document of the application. */
export async function apiDocument(settings: Settings): Promise<object> {
  const app = await createApp(settings);
  try {
    return createDocument(app);
  } finally {
    await app.close();
  }
}
