import type { Settings } from '../config/index.ts';
import type { Database } from '../database.ts';
import type { PersonalData } from '../personal-data.ts';
import type { Routers } from '../web/routes.ts';
import type { Authenticator } from './provider.ts';

interface Options {
  settings: Settings;
  database: Database;
  authenticator: Authenticator;
  personalData: readonly PersonalData[];
}

/** The routes of authentication: there are none. */
export function createAuth(_options: Options): Routers {
  return {};
}
