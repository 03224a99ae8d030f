/** Who calls the application: everybody is anonymous, and has every permission. */

import type { FastifyInstance } from 'fastify';

/** The settings that production requires. */
export const SECRETS: NodeJS.ProcessEnv = {};

export function asAdmin(app: FastifyInstance): Promise<FastifyInstance> {
  return Promise.resolve(app);
}

export function asStranger(app: FastifyInstance): Promise<FastifyInstance> {
  return Promise.resolve(app);
}

/** What an admin sends with a request that is not injected: nothing. */
export function adminHeaders(_app: FastifyInstance): Promise<Record<string, string>> {
  return Promise.resolve({});
}
