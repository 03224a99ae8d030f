import { Controller, Get, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';

import { register } from '../metrics.ts';

/** The metrics, unless they have a port of their own. */
@ApiTags('operations')
@Controller()
export class MetricsController {
  @Get('metrics')
  @ApiOperation({
    operationId: 'metrics',
    summary: 'Metrics',
    description: 'Metrics in the text format of Prometheus.',
  })
  @ApiProduces('text/plain')
  @ApiOkResponse({ schema: { type: 'string' } })
  async metrics(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    reply.type(register.contentType);
    return register.metrics();
  }
}
