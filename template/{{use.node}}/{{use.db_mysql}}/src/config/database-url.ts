import { existsSync } from 'node:fs';

import type { Env } from './env.ts';

/** The database that `make dev` starts. */
export const DEVELOPMENT_URL = 'mysql://root:app@127.0.0.1:3306/app';

export function checkUrl(env: Env, name: string, text: string): void {
  const url = URL.parse(text);
  if (url?.protocol !== 'mysql:' || url.hostname === '' || !/^\/[^/]+$/.test(url.pathname)) {
    // Not the value: it may hold a password.
    env.refuse(name, 'must read like mysql://USER:PASSWORD@HOST:3306/DATABASE');
    return;
  }
  for (const [option, value] of url.searchParams) {
    if (option !== 'ssl_ca') env.refuse(name, `has no option ${option}`);
    else if (!existsSync(value)) env.refuse(name, `ssl_ca: there is no file ${value}`);
  }
}
