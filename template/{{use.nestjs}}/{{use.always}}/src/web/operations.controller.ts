/** Probes and the descriptions of errors, for the platform and the people that run the service. */

import { Controller, Get, Param, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';

import { ServiceError } from '../errors.ts';
import { Health, type Readiness as ReadinessOfHealth } from '../health.ts';
import { isProblemCode, PROBLEMS } from '../problems.ts';
import { Draining } from './draining.ts';

const Liveness = z.object({ status: z.enum(['ok']) }).meta({ id: 'Liveness' });
const Check = z.object({ status: z.enum(['ok', 'unavailable']), latency_ms: z.number() }).meta({ id: 'Check' });
const Readiness = z
  .object({ status: z.enum(['ok', 'degraded', 'unavailable']), checks: z.record(z.string(), Check) })
  .meta({ id: 'Readiness' });
const ProblemDescription = z
  .object({ code: z.string(), status: z.int(), title: z.string(), meaning: z.string() })
  .meta({ id: 'ProblemDescription' });
const ProblemParams = z.object({ code: z.string() });

@ApiTags('operations')
@Controller()
export class OperationsController {
  constructor(
    private readonly health: Health,
    private readonly draining: Draining,
  ) {}

  @Get('livez')
  @ApiOperation({
    operationId: 'live',
    summary: 'Liveness',
    description: 'Whether the process can serve. It checks nothing else.',
  })
  @ApiOkResponse({ standardSchema: Liveness })
  live(): z.infer<typeof Liveness> {
    return { status: 'ok' };
  }

  @Get('readyz')
  @ApiOperation({
    operationId: 'ready',
    summary: 'Readiness',
    description:
      'Whether the process should get requests: not while it shuts down, or while its database does not answer. ' +
      'Without another dependency, the service works on; then the status is `degraded`.',
  })
  @ApiOkResponse({ standardSchema: Readiness })
  @ApiServiceUnavailableResponse({ standardSchema: Readiness })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<ReadinessOfHealth> {
    const readiness = await this.health.readiness(this.draining.hasBegun);
    reply.code(readiness.status === 'unavailable' ? 503 : 200);
    return readiness;
  }

  @Get('problems/:code')
  @ApiOperation({
    operationId: 'describe_problem',
    summary: 'Describe an error code',
    description: 'The status and the meaning of an error code.',
  })
  @ApiOkResponse({ standardSchema: ProblemDescription })
  describeProblem(@Param({ schema: ProblemParams }) { code }: z.infer<typeof ProblemParams>) {
    if (!isProblemCode(code)) throw new ServiceError('not_found', 'There is no such problem');
    return { code, ...PROBLEMS[code] };
  }
}
