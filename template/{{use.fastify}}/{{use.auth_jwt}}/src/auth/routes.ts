/** The routes of authentication. */

import type { FastifyPluginAsync } from 'fastify';

import type { Settings } from '../config/index.ts';
import type { Database } from '../database.ts';
import type { PersonalData } from '../personal-data.ts';
import { auditLog } from './audit-routes.ts';
import type { Authenticator } from './provider.ts';
import { sessionRoutes } from './sessions/routes.ts';
import { sessionSchemas } from './sessions/schemas.ts';
import { Sessions } from './sessions/service.ts';
import { users } from './users/routes.ts';
import { userSchemas } from './users/schemas.ts';

interface Options {
  settings: Settings;
  database: Database;
  authenticator: Authenticator;
  personalData: readonly PersonalData[];
}

export const auth: FastifyPluginAsync<Options> = async (app, { settings, database, authenticator, personalData }) => {
  // Here, because the plugins below know the schemas of this one, but not of each other.
  for (const schema of [...userSchemas, ...sessionSchemas]) app.addSchema(schema);
  const sessions = new Sessions(settings, database, authenticator);
  await app.register(sessionRoutes, { sessions, keys: authenticator.keys });
  await app.register(users, { prefix: '/api/v1/users', database, authenticator, personalData });
  await app.register(auditLog, { prefix: '/api/v1', database });
};
