/** Registration, login and tokens over HTTP. */

import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';

import { etag } from '../../web/conditional.ts';
import { ref } from '../../web/schemas.ts';
import type { KeyRing } from '../keys.ts';
import { representUser, UserRead } from '../users/schemas.ts';
import { JsonWebKeySet, Login, Refresh, Registration, TokenPair } from './schemas.ts';
import type { Sessions } from './service.ts';

const tags = ['auth'];

interface Options {
  sessions: Sessions;
  keys: KeyRing;
}

export const sessionRoutes: FastifyPluginCallbackTypebox<Options> = (app, { sessions, keys }, done) => {
  app.post(
    '/api/v1/auth/register',
    {
      schema: {
        operationId: 'register',
        summary: 'Register',
        description: 'Register as a member. Closed in production, unless `AUTH_REGISTRATION=open`.',
        tags,
        body: ref(Registration),
        response: { 201: ref(UserRead) },
      },
      config: { problems: ['permission_denied', 'conflict'] },
    },
    async (request, reply) => {
      const user = await sessions.register(request.body);
      reply.code(201).headers({ location: '/api/v1/users/me', etag: etag(user.version) });
      return representUser(user);
    },
  );

  app.post(
    '/api/v1/auth/login',
    {
      schema: {
        operationId: 'log_in',
        summary: 'Log in',
        description: 'Exchange email and password for an access token and a refresh token.',
        tags,
        body: ref(Login),
        response: { 200: ref(TokenPair) },
      },
      config: { problems: ['invalid_credentials'] },
    },
    (request) => sessions.logIn(request.body),
  );

  app.post(
    '/api/v1/auth/refresh',
    {
      schema: {
        operationId: 'refresh',
        summary: 'Refresh the tokens',
        description: 'Exchange a refresh token for new tokens. Using a refresh token twice ends its session.',
        tags,
        body: ref(Refresh),
        response: { 200: ref(TokenPair) },
      },
      config: { problems: ['unauthenticated'] },
    },
    (request) => sessions.refresh(request.body.refresh_token),
  );

  app.post(
    '/api/v1/auth/logout',
    {
      schema: {
        operationId: 'log_out',
        summary: 'Log out',
        description: 'End the session of a refresh token.',
        tags,
        body: ref(Refresh),
        response: { 204: Type.Null({ description: 'The session has ended.' }) },
      },
    },
    async (request, reply) => {
      await sessions.logOut(request.body.refresh_token);
      return reply.code(204).send(null);
    },
  );

  app.get(
    '/.well-known/jwks.json',
    {
      schema: {
        operationId: 'public_keys',
        summary: 'Get the public keys',
        description: 'The keys that verify access tokens.',
        tags,
        response: { 200: ref(JsonWebKeySet) },
      },
    },
    async (_request, reply) => {
      reply.header('cache-control', 'public, max-age=300');
      return { keys: await keys.publicKeys() };
    },
  );

  done();
};
