/** Who calls the application. Each admin and member is a new user who is logged in. */

import { generatePem } from '../src/auth/keys.ts';
import { insertSession } from '../src/auth/sessions/repository.ts';
import type { TokenPair } from '../src/auth/sessions/service.ts';
import { insertUser } from '../src/auth/users/repository.ts';
import { newUser } from '../src/auth/users/service.ts';
import { newId, now } from '../src/clock.ts';
import type { Role } from '../src/permissions.ts';
import { type App, calledWith, type Response } from './app.ts';

/** The settings that production requires. */
export const SECRETS: NodeJS.ProcessEnv = { AUTH_PRIVATE_KEY: generatePem() };
export const ADA = { email: 'ada@example.com', password: 'correct horse battery' };

export async function asAdmin(app: App): Promise<App> {
  return withToken(app, await newToken(app, 'admin'));
}

export async function asMember(app: App): Promise<App> {
  return withToken(app, await newToken(app, 'member'));
}

/** A caller with a valid token of a session that is not stored. */
export async function asStranger(app: App): Promise<App> {
  return withToken(app, await app.authenticator.keys.sign(claimsFor(newId(), newId())));
}

/** What a new admin sends with a request that is not injected. */
export async function adminHeaders(app: App): Promise<Record<string, string>> {
  return { authorization: `Bearer ${await newToken(app, 'admin')}` };
}

/** The application, as the owner of a token calls it. */
export function withToken(app: App, token: string): App {
  return calledWith(app, { authorization: `Bearer ${token}` });
}

/** The token of a new user. It skips the login, because hashing a password is slow. */
export async function newToken(app: App, role: Role): Promise<string> {
  const user = newUser(`${newId()}@example.com`, '', role);
  const created_at = now();
  const expires_at = new Date(created_at.getTime() + 24 * 3600 * 1000);
  const opened = { id: newId(), user_id: user.id, created_at, expires_at, revoked_at: null };
  await app.database.transaction(async (session) => {
    await insertUser(session, user);
    await insertSession(session, opened);
  });
  return app.authenticator.keys.sign(claimsFor(user.id, opened.id));
}

export function claimsFor(sub: string, sid: string) {
  const iat = Math.floor(now().getTime() / 1000);
  return { sub, sid, iat, exp: iat + 900 };
}

/** Register Ada and log her in. */
export async function logInAda(app: App): Promise<TokenPair> {
  await post(app, 'register', ADA);
  return (await post(app, 'login', ADA)).json<TokenPair>();
}

export function post(app: App, route: string, payload: object): Promise<Response> {
  return app.inject({ method: 'POST', url: `/api/v1/auth/${route}`, payload });
}

export async function statusOf(app: App, token: string): Promise<number> {
  return (await withToken(app, token).inject('/api/v1/users/me')).statusCode;
}

/** The statuses of answers to concurrent requests, sorted. */
export function sortedStatuses(answers: readonly Response[]): number[] {
  return answers.map((answer) => answer.statusCode).toSorted((a, b) => a - b);
}
