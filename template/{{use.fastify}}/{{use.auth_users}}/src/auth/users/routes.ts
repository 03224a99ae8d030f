/** Users over HTTP: the caller's own account, and the accounts that admins manage. */

import { Readable } from 'node:stream';

import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';

import type { Database } from '../../database.ts';
import { decodeCursor } from '../../pagination.ts';
import { ROLES } from '../../permissions.ts';
import type { PersonalData } from '../../personal-data.ts';
import { etag, requireIfMatch } from '../../web/conditional.ts';
import { isCurrent } from '../../web/fresh.ts';
import { pageQuery, paginated } from '../../web/pagination.ts';
import { ifMatchHeaders, ifNoneMatchHeaders, ref } from '../../web/schemas.ts';
import type { Authenticator } from '../provider.ts';
import { exportText } from './export.ts';
import { findUser, listUsers } from './repository.ts';
import {
  PasswordChange,
  representUser,
  RoleAssignment,
  UserExport,
  UserPage,
  UserParams,
  UserPatch,
  UserRead,
} from './schemas.ts';
import { changeDisabled, changePassword, changeRoles, eraseUser } from './service.ts';

interface Options {
  database: Database;
  authenticator: Authenticator;
  personalData: readonly PersonalData[];
}

const tags = ['users'];
const notModified = Type.Null({ description: 'The caller has this version.' });

export const users: FastifyPluginCallbackTypebox<Options> = (app, { database, authenticator, personalData }, done) => {
  app.get(
    '/me',
    {
      schema: {
        operationId: 'get_me',
        summary: 'Get your account',
        description: "The caller's own account.",
        tags,
        headers: ifNoneMatchHeaders,
        response: { 200: ref(UserRead), 304: notModified },
      },
      config: { permission: 'authenticated' },
    },
    async (request, reply) => {
      const user = await database.read((session) => findUser(session, request.principal.subject));
      reply.header('etag', etag(user.version));
      if (isCurrent(request.headers['if-none-match'], user.version)) return reply.code(304).send(null);
      return representUser(user);
    },
  );

  app.get(
    '/me/export',
    {
      schema: {
        operationId: 'export_me',
        summary: 'Export your data',
        description: "The caller's account, and everything that the service stores of its owner.",
        tags,
        // The handler sends the text of it, in parts.
        response: { 200: Type.Unsafe<Readable>(ref(UserExport)) },
      },
      config: { permission: 'authenticated' },
    },
    async (request, reply) => {
      const user = await database.read((session) => findUser(session, request.principal.subject));
      const text = exportText(database, personalData, user.id, representUser(user));
      return reply.type('application/json; charset=utf-8').send(Readable.from(text));
    },
  );

  app.put(
    '/me/password',
    {
      schema: {
        operationId: 'change_password',
        summary: 'Change your password',
        description: 'This ends all sessions, so log in again.',
        tags,
        body: ref(PasswordChange),
        response: { 204: Type.Null({ description: 'The password is changed.' }) },
      },
      config: { permission: 'authenticated', problems: ['invalid_credentials'] },
    },
    async ({ principal, body }, reply) => {
      const passwords = { current: body.current_password, new: body.new_password };
      await changePassword(database, authenticator, principal.subject, passwords);
      return reply.code(204).send(null);
    },
  );

  app.delete(
    '/me',
    {
      schema: {
        operationId: 'erase_me',
        summary: 'Erase your account',
        description: "The caller's account is erased, with everything that the service stores of its owner.",
        tags,
        response: { 204: Type.Null({ description: 'The account is erased.' }) },
      },
      config: { permission: 'authenticated', problems: ['invalid_state'] },
    },
    async ({ principal }, reply) => {
      await database.transaction((session) => eraseUser(session, authenticator, personalData, principal.subject));
      return reply.code(204).send(null);
    },
  );

  app.get(
    '',
    {
      schema: {
        operationId: 'list_users',
        summary: 'List users',
        description: 'Newest first.',
        tags,
        querystring: Type.Object(pageQuery, { additionalProperties: false }),
        response: { 200: ref(UserPage) },
      },
      config: { permission: 'users:read', problems: ['invalid_cursor'] },
    },
    async (request, reply) => {
      const { limit, cursor } = request.query;
      const after = cursor === undefined ? undefined : decodeCursor(cursor);
      const found = await database.read((session) => listUsers(session, limit, after));
      return paginated(request, reply, limit, found, representUser);
    },
  );

  app.get(
    '/:user_id',
    {
      schema: {
        operationId: 'get_user',
        summary: 'Get a user',
        description: 'One user with its roles.',
        tags,
        params: UserParams,
        headers: ifNoneMatchHeaders,
        response: { 200: ref(UserRead), 304: notModified },
      },
      config: { permission: 'users:read' },
    },
    async (request, reply) => {
      const user = await database.read((session) => findUser(session, request.params.user_id));
      reply.header('etag', etag(user.version));
      if (isCurrent(request.headers['if-none-match'], user.version)) return reply.code(304).send(null);
      return representUser(user);
    },
  );

  app.patch(
    '/:user_id',
    {
      schema: {
        operationId: 'patch_user',
        summary: 'Disable or enable a user',
        description: 'Disabling ends the sessions of the user.',
        tags,
        params: UserParams,
        headers: ifMatchHeaders,
        body: ref(UserPatch),
        response: { 200: ref(UserRead) },
      },
      config: {
        permission: 'users:manage',
        problems: ['invalid_state', 'precondition_failed', 'precondition_required'],
      },
    },
    async (request, reply) => {
      const versions = requireIfMatch(request.headers['if-match']);
      const id = request.params.user_id;
      const user = await database.transaction((session) =>
        changeDisabled(session, authenticator, id, request.body.disabled, versions),
      );
      reply.header('etag', etag(user.version));
      return representUser(user);
    },
  );

  app.put(
    '/:user_id/roles',
    {
      schema: {
        operationId: 'assign_roles',
        summary: 'Assign roles to a user',
        description: 'The user has exactly these roles afterwards.',
        tags,
        params: UserParams,
        headers: ifMatchHeaders,
        body: ref(RoleAssignment),
        response: { 200: ref(UserRead) },
      },
      config: {
        permission: 'users:manage',
        problems: ['invalid_state', 'precondition_failed', 'precondition_required'],
      },
    },
    async (request, reply) => {
      const versions = requireIfMatch(request.headers['if-match']);
      const id = request.params.user_id;
      const roles = ROLES.filter((role) => request.body.roles.includes(role));
      const user = await database.transaction((session) => changeRoles(session, authenticator, id, roles, versions));
      reply.header('etag', etag(user.version));
      return representUser(user);
    },
  );

  done();
};
