/** The audit log over HTTP. */

import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { type Static, Type } from 'typebox';

import type { Database } from '../database.ts';
import { decodeCursor } from '../pagination.ts';
import { pageOf, pageQuery, paginated } from '../web/pagination.ts';
import { ref } from '../web/schemas.ts';
import { type AuditEntry, listEntries } from './audit.ts';

const Id = Type.String({ format: 'uuid' });
const Facts = Type.Union([Type.Object({}, { additionalProperties: true }), Type.Null()]);

const AuditEntryRead = Type.Object(
  {
    id: Id,
    created_at: Type.String({ format: 'date-time' }),
    actor_id: Type.Union([Id, Type.Null()]),
    action: Type.String(),
    subject: Type.String(),
    address: Type.String(),
    request_id: Type.String(),
    before: Facts,
    after: Facts,
  },
  { $id: 'AuditEntryRead' },
);
const AuditPage = pageOf('AuditPage', ref(AuditEntryRead));

export const auditLog: FastifyPluginCallbackTypebox<{ database: Database }> = (app, { database }, done) => {
  for (const schema of [AuditEntryRead, AuditPage]) app.addSchema(schema);

  app.get(
    '/audit-log',
    {
      schema: {
        operationId: 'read_audit_log',
        summary: 'Read the audit log',
        description: 'Changes, newest first.',
        tags: ['users'],
        querystring: Type.Object(pageQuery, { additionalProperties: false }),
        response: { 200: ref(AuditPage) },
      },
      config: { permission: 'users:manage', problems: ['invalid_cursor'] },
    },
    async (request, reply) => {
      const { limit, cursor } = request.query;
      const after = cursor === undefined ? undefined : decodeCursor(cursor);
      const found = await database.read((session) => listEntries(session, limit, after));
      return paginated(request, reply, limit, found, represent);
    },
  );

  done();
};

function represent(entry: AuditEntry): Static<typeof AuditEntryRead> {
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
