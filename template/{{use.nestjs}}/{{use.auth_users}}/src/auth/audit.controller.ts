/** The audit log over HTTP. */

import { Controller, Get, Query, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';

import { Database } from '../database.ts';
import { RequirePermission } from '../web/access.decorators.ts';
import { ApiProblems } from '../web/api.decorators.ts';
import { type Page, pageOf, PageQuery, paginated } from '../web/pagination.ts';
import { type AuditEntry, listEntries } from './audit.ts';

const Facts = z.looseObject({}).nullable();

const AuditEntryRead = z
  .object({
    id: z.uuid(),
    created_at: z.iso.datetime(),
    actor_id: z.uuid().nullable(),
    action: z.string(),
    subject: z.string(),
    address: z.string(),
    request_id: z.string(),
    before: Facts,
    after: Facts,
  })
  .meta({ id: 'AuditEntryRead' });
type AuditEntryRead = z.infer<typeof AuditEntryRead>;
const AuditPage = pageOf('AuditPage', AuditEntryRead);

@ApiTags('users')
@Controller('api/v1/audit-log')
export class AuditController {
  constructor(private readonly database: Database) {}

  @Get()
  @RequirePermission('users:manage')
  @ApiOperation({
    operationId: 'read_audit_log',
    summary: 'Read the audit log',
    description: 'Changes, newest first.',
  })
  @ApiOkResponse({ standardSchema: AuditPage })
  @ApiProblems('invalid_cursor')
  async list(
    @Query({ schema: PageQuery }) { limit, cursor }: PageQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Page<AuditEntryRead>> {
    const found = await this.database.read((session) => listEntries(session, limit, cursor));
    return paginated(request, reply, limit, found, represent);
  }
}

function represent(entry: AuditEntry): AuditEntryRead {
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
