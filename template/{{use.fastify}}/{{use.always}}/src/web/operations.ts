/** Probes, metrics and the descriptions of errors, for the platform and the people that run the service. */

import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';

import { ServiceError } from '../errors.ts';
import type { Health } from '../health.ts';
import { register } from '../metrics.ts';
import { isProblemCode, PROBLEMS } from '../problems.ts';
import { ref } from './schemas.ts';

const Liveness = Type.Object({ status: Type.Literal('ok') }, { $id: 'Liveness' });
const Check = Type.Object({ status: Type.Enum(['ok', 'unavailable']), latency_ms: Type.Number() }, { $id: 'Check' });
const Readiness = Type.Object(
  { status: Type.Enum(['ok', 'degraded', 'unavailable']), checks: Type.Record(Type.String(), ref(Check)) },
  { $id: 'Readiness' },
);
const ProblemDescription = Type.Object(
  { code: Type.String(), status: Type.Integer(), title: Type.String(), meaning: Type.String() },
  { $id: 'ProblemDescription' },
);

interface Options {
  health: Health;
  servesMetrics: boolean;
  isDraining: () => boolean;
}

export const operations: FastifyPluginCallbackTypebox<Options> = (app, options, done) => {
  for (const schema of [Liveness, Check, Readiness, ProblemDescription]) app.addSchema(schema);

  app.get(
    '/livez',
    {
      schema: {
        operationId: 'live',
        summary: 'Liveness',
        description: 'Whether the process can serve. It checks nothing else.',
        tags: ['operations'],
        response: { 200: ref(Liveness) },
      },
    },
    async () => ({ status: 'ok' as const }),
  );

  app.get(
    '/readyz',
    {
      schema: {
        operationId: 'ready',
        summary: 'Readiness',
        description:
          'Whether the process should get requests: not while it shuts down, or while its database does not answer. ' +
          'Without another dependency, the service works on; then the status is `degraded`.',
        tags: ['operations'],
        response: { 200: ref(Readiness), 503: ref(Readiness) },
      },
    },
    async (_request, reply) => {
      const readiness = await options.health.readiness(options.isDraining());
      return reply.code(readiness.status === 'unavailable' ? 503 : 200).send(readiness);
    },
  );

  if (options.servesMetrics) {
    app.get(
      '/metrics',
      {
        schema: {
          operationId: 'metrics',
          summary: 'Metrics',
          description: 'Metrics in the text format of Prometheus.',
          tags: ['operations'],
          response: { 200: { content: { 'text/plain': { schema: Type.String() } } } },
        },
      },
      async (_request, reply) => reply.type(register.contentType).send(await register.metrics()),
    );
  }

  app.get(
    '/problems/:code',
    {
      schema: {
        operationId: 'describe_problem',
        summary: 'Describe an error code',
        description: 'The status and the meaning of an error code.',
        tags: ['operations'],
        params: Type.Object({ code: Type.String() }),
        response: { 200: ref(ProblemDescription) },
      },
    },
    async ({ params: { code } }) => {
      if (!isProblemCode(code)) throw new ServiceError('not_found', 'There is no such problem');
      return { code, ...PROBLEMS[code] };
    },
  );

  done();
};
