import type { Env } from './env.ts';

export type AuthSettings = object;

/** There is no authentication, so there are no settings. */
export function readAuthSettings(_env: Env, _isProduction: boolean): AuthSettings {
  return {};
}
