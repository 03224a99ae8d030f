import type { Env } from './env.ts';

/** The database that `make dev` starts. */
export const DEVELOPMENT_URL = 'postgresql://app:app@localhost:5432/app';

export function checkUrl(env: Env, name: string, url: string): void {
  const { protocol, hostname, pathname } = URL.parse(url) ?? {};
  if (!/^postgres(ql)?:$/.test(protocol ?? '') || !hostname || !/^\/[^/]+$/.test(pathname ?? '')) {
    // Not the value: it may hold a password.
    env.refuse(name, 'must read like postgresql://USER:PASSWORD@HOST:5432/DATABASE');
  }
}
