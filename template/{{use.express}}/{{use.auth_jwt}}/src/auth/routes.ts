/** The routes of authentication. */

import type { Settings } from '../config/index.ts';
import type { Database } from '../database.ts';
import type { PersonalData } from '../personal-data.ts';
import type { Routers } from '../web/routes.ts';
import { createAuditLog } from './audit-routes.ts';
import type { Authenticator } from './provider.ts';
import { createKeys, createSessions } from './sessions/routes.ts';
import { Sessions } from './sessions/service.ts';
import { createUsers } from './users/routes.ts';

interface Options {
  settings: Settings;
  database: Database;
  authenticator: Authenticator;
  personalData: readonly PersonalData[];
}

export function createAuth({ settings, database, authenticator, personalData }: Options): Routers {
  return {
    '/api/v1/auth': createSessions(new Sessions(settings, database, authenticator)),
    '/.well-known': createKeys(authenticator.keys),
    '/api/v1/users': createUsers({ database, authenticator, personalData }),
    '/api/v1/audit-log': createAuditLog(database),
  };
}
