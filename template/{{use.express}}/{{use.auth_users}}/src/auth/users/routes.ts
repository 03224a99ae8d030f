/** Users over HTTP: the caller's own account, and the accounts that admins manage. */

import { pipeline } from 'node:stream/promises';

import type { Router } from 'express';
import * as z from 'zod';

import type { Database } from '../../database.ts';
import { decodeCursor } from '../../pagination.ts';
import { ROLES } from '../../permissions.ts';
import type { PersonalData } from '../../personal-data.ts';
import { etag, requireIfMatch } from '../../web/conditional.ts';
import { operation } from '../../web/operation.ts';
import { pageQuery, paginated } from '../../web/pagination.ts';
import { createRouter } from '../../web/routes.ts';
import { ifMatchHeaders, ifNoneMatchHeaders } from '../../web/schemas.ts';
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
const notModified = 'The caller has this version.';

export function createUsers({ database, authenticator, personalData }: Options): Router {
  const router = createRouter();

  router.get(
    '/me',
    operation({
      operationId: 'get_me',
      summary: 'Get your account',
      description: "The caller's own account.",
      tags,
      permission: 'authenticated',
      headers: ifNoneMatchHeaders,
      responses: { 200: UserRead, 304: notModified },
    }),
    async (req, res) => {
      const user = await database.read((session) => findUser(session, req.principal.subject));
      res.set('etag', etag(user.version)).json(representUser(user));
    },
  );

  router.get(
    '/me/export',
    operation({
      operationId: 'export_me',
      summary: 'Export your data',
      description: "The caller's account, and everything that the service stores of its owner.",
      tags,
      permission: 'authenticated',
      responses: { 200: UserExport },
    }),
    async (req, res) => {
      const user = await database.read((session) => findUser(session, req.principal.subject));
      res.type('json');
      // The text is sent in parts, and not faster than the client takes it.
      await pipeline(exportText(database, personalData, user.id, representUser(user)), res);
    },
  );

  router.put(
    '/me/password',
    operation({
      operationId: 'change_password',
      summary: 'Change your password',
      description: 'This ends all sessions, so log in again.',
      tags,
      permission: 'authenticated',
      body: PasswordChange,
      responses: { 204: 'The password is changed.' },
      problems: ['invalid_credentials'],
    }),
    async (req, res) => {
      const { current_password: current, new_password } = req.valid.body;
      await changePassword(database, authenticator, req.principal.subject, { current, new: new_password });
      res.status(204).end();
    },
  );

  router.delete(
    '/me',
    operation({
      operationId: 'erase_me',
      summary: 'Erase your account',
      description: "The caller's account is erased, with everything that the service stores of its owner.",
      tags,
      permission: 'authenticated',
      responses: { 204: 'The account is erased.' },
      problems: ['invalid_state'],
    }),
    async (req, res) => {
      await database.transaction((session) => eraseUser(session, authenticator, personalData, req.principal.subject));
      res.status(204).end();
    },
  );

  router.get(
    '/',
    operation({
      operationId: 'list_users',
      summary: 'List users',
      description: 'Newest first.',
      tags,
      permission: 'users:read',
      query: z.strictObject(pageQuery),
      responses: { 200: UserPage },
      problems: ['invalid_cursor'],
    }),
    async (req, res) => {
      const { limit, cursor } = req.valid.query;
      const after = cursor === undefined ? undefined : decodeCursor(cursor);
      const found = await database.read((session) => listUsers(session, limit, after));
      res.json(paginated(req, res, limit, found, representUser));
    },
  );

  router.get(
    '/:user_id',
    operation({
      operationId: 'get_user',
      summary: 'Get a user',
      description: 'One user with its roles.',
      tags,
      permission: 'users:read',
      params: UserParams,
      headers: ifNoneMatchHeaders,
      responses: { 200: UserRead, 304: notModified },
    }),
    async (req, res) => {
      const user = await database.read((session) => findUser(session, req.valid.params.user_id));
      res.set('etag', etag(user.version)).json(representUser(user));
    },
  );

  router.patch(
    '/:user_id',
    operation({
      operationId: 'patch_user',
      summary: 'Disable or enable a user',
      description: 'Disabling ends the sessions of the user.',
      tags,
      permission: 'users:manage',
      params: UserParams,
      headers: ifMatchHeaders,
      body: UserPatch,
      responses: { 200: UserRead },
      problems: ['invalid_state', 'precondition_failed', 'precondition_required'],
    }),
    async (req, res) => {
      const { params, body } = req.valid;
      const versions = requireIfMatch(req.headers['if-match']);
      const user = await database.transaction((session) =>
        changeDisabled(session, authenticator, params.user_id, body.disabled, versions),
      );
      res.set('etag', etag(user.version)).json(representUser(user));
    },
  );

  router.put(
    '/:user_id/roles',
    operation({
      operationId: 'assign_roles',
      summary: 'Assign roles to a user',
      description: 'The user has exactly these roles afterwards.',
      tags,
      permission: 'users:manage',
      params: UserParams,
      headers: ifMatchHeaders,
      body: RoleAssignment,
      responses: { 200: UserRead },
      problems: ['invalid_state', 'precondition_failed', 'precondition_required'],
    }),
    async (req, res) => {
      const { params, body } = req.valid;
      const versions = requireIfMatch(req.headers['if-match']);
      const roles = ROLES.filter((role) => body.roles.includes(role));
      const user = await database.transaction((session) =>
        changeRoles(session, authenticator, params.user_id, roles, versions),
      );
      res.set('etag', etag(user.version)).json(representUser(user));
    },
  );

  return router;
}
