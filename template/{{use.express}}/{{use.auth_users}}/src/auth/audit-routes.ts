/** The audit log over HTTP. */

import type { Router } from 'express';
import * as z from 'zod';

import type { Database } from '../database.ts';
import { decodeCursor } from '../pagination.ts';
import { operation } from '../web/operation.ts';
import { pageOf, pageQuery, paginated } from '../web/pagination.ts';
import { createRouter } from '../web/routes.ts';
import { Id, Moment } from '../web/schemas.ts';
import { type AuditEntry, listEntries } from './audit.ts';

const Facts = z.looseObject({}).nullable();

const AuditEntryRead = z
  .object({
    id: Id,
    created_at: Moment,
    actor_id: Id.nullable(),
    action: z.string(),
    subject: z.string(),
    address: z.string(),
    request_id: z.string(),
    before: Facts,
    after: Facts,
  })
  .meta({ id: 'AuditEntryRead' });
const AuditPage = pageOf('AuditPage', AuditEntryRead);

export function createAuditLog(database: Database): Router {
  const router = createRouter();

  router.get(
    '/',
    operation({
      operationId: 'read_audit_log',
      summary: 'Read the audit log',
      description: 'Changes, newest first.',
      tags: ['users'],
      permission: 'users:manage',
      query: z.strictObject(pageQuery),
      responses: { 200: AuditPage },
      problems: ['invalid_cursor'],
    }),
    async (req, res) => {
      const { limit, cursor } = req.valid.query;
      const after = cursor === undefined ? undefined : decodeCursor(cursor);
      const found = await database.read((session) => listEntries(session, limit, after));
      res.json(paginated(req, res, limit, found, represent));
    },
  );

  return router;
}

function represent(entry: AuditEntry): z.infer<typeof AuditEntryRead> {
  return {
    id: entry.id,
    created_at: entry.created_at.toISOString(),
    actor_id: entry.actor_id,
    action: entry.action,
    subject: entry.subject,
    address: entry.address,
    request_id: entry.request_id,
    before: entry.before,
    after: entry.after,
  };
}
