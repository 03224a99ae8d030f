/** Who calls the application: everybody is anonymous, and has every permission. */

import type { App } from './app.ts';

/** The settings that production requires. */
export const SECRETS: NodeJS.ProcessEnv = {};

export function asAdmin(app: App): Promise<App> {
  return Promise.resolve(app);
}

export function asStranger(app: App): Promise<App> {
  return Promise.resolve(app);
}

/** What an admin sends with a request that is not injected: nothing. */
export function adminHeaders(_app: App): Promise<Record<string, string>> {
  return Promise.resolve({});
}
