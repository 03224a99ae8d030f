/** Registration, login and tokens over HTTP. */

import type { Router } from 'express';

import { etag } from '../../web/conditional.ts';
import { operation } from '../../web/operation.ts';
import { createRouter } from '../../web/routes.ts';
import type { KeyRing } from '../keys.ts';
import { representUser, UserRead } from '../users/schemas.ts';
import { JsonWebKeySet, Login, Refresh, Registration, TokenPair } from './schemas.ts';
import type { Sessions } from './service.ts';

const tags = ['auth'];

export function createSessions(sessions: Sessions): Router {
  const router = createRouter();

  router.post(
    '/register',
    operation({
      operationId: 'register',
      summary: 'Register',
      description: 'Register as a member. Closed in production, unless `AUTH_REGISTRATION=open`.',
      tags,
      body: Registration,
      responses: { 201: UserRead },
      problems: ['permission_denied', 'conflict'],
    }),
    async (req, res) => {
      const user = await sessions.register(req.valid.body);
      res
        .status(201)
        .set({ location: '/api/v1/users/me', etag: etag(user.version) })
        .json(representUser(user));
    },
  );

  router.post(
    '/login',
    operation({
      operationId: 'log_in',
      summary: 'Log in',
      description: 'Exchange email and password for an access token and a refresh token.',
      tags,
      body: Login,
      responses: { 200: TokenPair },
      problems: ['invalid_credentials'],
    }),
    async (req, res) => {
      res.json(await sessions.logIn(req.valid.body));
    },
  );

  router.post(
    '/refresh',
    operation({
      operationId: 'refresh',
      summary: 'Refresh the tokens',
      description: 'Exchange a refresh token for new tokens. Using a refresh token twice ends its session.',
      tags,
      body: Refresh,
      responses: { 200: TokenPair },
      problems: ['unauthenticated'],
    }),
    async (req, res) => {
      res.json(await sessions.refresh(req.valid.body.refresh_token));
    },
  );

  router.post(
    '/logout',
    operation({
      operationId: 'log_out',
      summary: 'Log out',
      description: 'End the session of a refresh token.',
      tags,
      body: Refresh,
      responses: { 204: 'The session has ended.' },
    }),
    async (req, res) => {
      await sessions.logOut(req.valid.body.refresh_token);
      res.status(204).end();
    },
  );

  return router;
}

export function createKeys(keys: KeyRing): Router {
  const router = createRouter();

  router.get(
    '/jwks.json',
    operation({
      operationId: 'public_keys',
      summary: 'Get the public keys',
      description: 'The keys that verify access tokens.',
      tags,
      responses: { 200: JsonWebKeySet },
    }),
    async (_req, res) => {
      res.set('cache-control', 'public, max-age=300').json({ keys: await keys.publicKeys() });
    },
  );

  return router;
}
