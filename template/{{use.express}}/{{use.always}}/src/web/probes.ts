/** Probes, metrics and the descriptions of errors, for the platform and the people that run the service. */

import type { Router } from 'express';
import * as z from 'zod';

import { ServiceError } from '../errors.ts';
import type { Health } from '../health.ts';
import { register } from '../metrics.ts';
import { isProblemCode, PROBLEMS } from '../problems.ts';
import type { Draining } from './draining.ts';
import { operation } from './operation.ts';
import { createRouter } from './routes.ts';

const tags = ['operations'];

const Liveness = z.object({ status: z.literal('ok') }).meta({ id: 'Liveness' });
const Check = z.object({ status: z.enum(['ok', 'unavailable']), latency_ms: z.number() }).meta({ id: 'Check' });
const Readiness = z
  .object({ status: z.enum(['ok', 'degraded', 'unavailable']), checks: z.record(z.string(), Check) })
  .meta({ id: 'Readiness' });
const ProblemDescription = z
  .object({ code: z.string(), status: z.int(), title: z.string(), meaning: z.string() })
  .meta({ id: 'ProblemDescription' });

interface Options {
  health: Health;
  servesMetrics: boolean;
  draining: Draining;
}

export function createProbes({ health, servesMetrics, draining }: Options): Router {
  const router = createRouter();

  router.get(
    '/livez',
    operation({
      operationId: 'live',
      summary: 'Liveness',
      description: 'Whether the process can serve. It checks nothing else.',
      tags,
      responses: { 200: Liveness },
    }),
    (_req, res) => {
      res.json({ status: 'ok' });
    },
  );

  router.get(
    '/readyz',
    operation({
      operationId: 'ready',
      summary: 'Readiness',
      description:
        'Whether the process should get requests: not while it shuts down, or while its database does not answer. ' +
        'Without another dependency, the service works on; then the status is `degraded`.',
      tags,
      responses: { 200: Readiness, 503: Readiness },
    }),
    async (_req, res) => {
      const readiness = await health.readiness(draining.hasStarted);
      res.status(readiness.status === 'unavailable' ? 503 : 200).json(readiness);
    },
  );

  if (servesMetrics) {
    router.get(
      '/metrics',
      operation({
        operationId: 'metrics',
        summary: 'Metrics',
        description: 'Metrics in the text format of Prometheus.',
        tags,
        responses: { 200: z.string() },
        mediaType: 'text/plain',
      }),
      async (_req, res) => {
        res.type(register.contentType).send(await register.metrics());
      },
    );
  }

  router.get(
    '/problems/:code',
    operation({
      operationId: 'describe_problem',
      summary: 'Describe an error code',
      description: 'The status and the meaning of an error code.',
      tags,
      params: z.object({ code: z.string() }),
      responses: { 200: ProblemDescription },
    }),
    (req, res) => {
      const { code } = req.valid.params;
      if (!isProblemCode(code)) throw new ServiceError('not_found', 'There is no such problem');
      res.json({ code, ...PROBLEMS[code] });
    },
  );

  return router;
}
