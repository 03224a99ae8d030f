import { type DynamicModule, Global, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE } from '@nestjs/core';

import type { Settings } from '../config/index.ts';
import { Database } from '../database.ts';
import { Health } from '../health.ts';
import { Queue } from '../messaging/index.ts';
import { Draining } from './draining.ts';
import { IdempotencyService } from './idempotency.service.ts';
import { MetricsController } from './metrics.controller.ts';
import { OperationsController } from './operations.controller.ts';
import { PermissionGuard } from './permission.guard.ts';
import { ProblemFilter } from './problem.filter.ts';
import { ValidationPipe } from './validation.pipe.ts';

/** What all routes share: the guard, the pipe and the filter of every request, probes and metrics. */
@Global()
@Module({})
export class WebModule {
  static forRoot(settings: Settings, draining: Draining): DynamicModule {
    return {
      module: WebModule,
      controllers: [OperationsController, ...(settings.metricsPort === 0 ? [MetricsController] : [])],
      providers: [
        { provide: APP_GUARD, useClass: PermissionGuard },
        { provide: APP_PIPE, useClass: ValidationPipe },
        { provide: APP_FILTER, useClass: ProblemFilter },
        { provide: Draining, useValue: draining },
        { provide: Health, useFactory: createHealth, inject: [Database, Queue] },
        IdempotencyService,
      ],
      exports: [IdempotencyService],
    };
  }
}

function createHealth(database: Database, queue: Queue): Health {
  return new Health([
    { name: 'database', required: true, ping: () => database.ping() },
    ...database.dependencies,
    ...queue.dependencies,
  ]);
}
