/** What the decorators, the guard, the filter and the hooks do to a route of its own. */

import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';

import { Controller, Get, Module, NotFoundException, Post, StreamableFile } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { expect, onTestFinished, test } from 'vitest';

import { readSettings } from '../../src/config/index.ts';
import { type Principal, SERVICE } from '../../src/permissions.ts';
import { RequirePermission } from '../../src/web/access.decorators.ts';
import { addAuthenticationCheck } from '../../src/web/access.ts';
import { HttpAdapter } from '../../src/web/adapter.ts';
import { addCompression } from '../../src/web/compression.ts';
import { addDeprecation, Deprecated } from '../../src/web/deprecation.ts';
import { Draining } from '../../src/web/draining.ts';
import { NestLogger } from '../../src/web/nest-logger.ts';
import { createDocument } from '../../src/web/openapi.ts';
import { PermissionGuard } from '../../src/web/permission.guard.ts';
import { ProblemFilter } from '../../src/web/problem.filter.ts';
import { createServer } from '../../src/web/server.ts';

@Controller('tea')
class TeaController {
  constructor(private readonly draining: Draining) {}

  @Get('secret')
  secret(): string {
    return 'nobody may know';
  }

  @Post()
  @RequirePermission('users:manage')
  pour(): string {
    return 'hot';
  }

  @Get('old')
  @RequirePermission('users:read')
  @Deprecated({ since: new Date('2027-01-01'), sunset: new Date('2027-07-01'), successor: '/api/v2/tea' })
  old(): string {
    return 'cold';
  }

  @Get('leaves')
  @RequirePermission('users:read')
  leaves(): StreamableFile {
    return new StreamableFile(Readable.from(['green ', 'black']));
  }

  @Get('last')
  @RequirePermission('users:read')
  last(): string {
    this.draining.begin();
    return 'lukewarm';
  }

  @Get('gone')
  @RequirePermission('users:read')
  gone(): string {
    throw new NotFoundException('There is no tea left');
  }

  @Get('broken')
  @RequirePermission('users:read')
  broken(): string {
    // oxlint-disable-next-line typescript/only-throw-error -- libraries do so
    throw 'the pot';
  }
}

@Module({
  controllers: [TeaController],
  providers: [
    { provide: APP_GUARD, useClass: PermissionGuard },
    { provide: APP_FILTER, useClass: ProblemFilter },
  ],
})
class TeaModule {}

test('a route without a permission refuses everybody', async () => {
  const app = await startTea();
  const response = await app.inject('/tea/secret');
  expect(response.json()).toMatchObject({ status: 403, code: 'permission_denied' });
});

test('a stranger is refused before the body is received', async () => {
  const request = { method: 'POST', url: '/tea', payload: 'milk', headers: { 'content-type': 'text/milk' } } as const;
  const refused = await (await startTea(null)).inject(request);
  expect(refused.json()).toMatchObject({ status: 401, code: 'unauthenticated' });
  const known = await (await startTea()).inject(request);
  expect(known.json()).toMatchObject({ status: 415, code: 'unsupported_media_type' });
});

test('a deprecated route says what replaces it', async () => {
  const app = await startTea();
  expect((await app.inject('/tea/old')).headers).toMatchObject({
    deprecation: '@1798761600',
    sunset: 'Thu, 01 Jul 2027 00:00:00 GMT',
    link: '</api/v2/tea>; rel="successor-version"',
  });
  expect(createDocument(app).paths['/tea/old']?.get).toMatchObject({ deprecated: true });
});

test('an exception of Nest is answered with a problem, and anything else with an internal error', async () => {
  const app = await startTea();
  expect((await app.inject('/tea/gone')).json()).toMatchObject({
    status: 404,
    code: 'not_found',
    detail: 'There is no tea left',
  });
  const broken = await app.inject('/tea/broken');
  expect(broken.json()).toMatchObject({ status: 500, code: 'internal_error' });
  expect(broken.body).not.toContain('pot');
});

test('a stream is compressed while it is written', async () => {
  const app = await startTea();
  const streamed = await app.inject({ url: '/tea/leaves', headers: { 'accept-encoding': 'gzip' } });
  expect(streamed.headers['content-encoding']).toBe('gzip');
  expect(String(gunzipSync(streamed.rawPayload))).toBe('green black');
});

test('a request that is answered during the shutdown closes its connection', async () => {
  const app = await startTea();
  expect((await app.inject('/tea/old')).headers['connection']).not.toBe('close');
  expect((await app.inject('/tea/last')).headers['connection']).toBe('close');
});

/** An application whose caller is this one. */
async function startTea(caller: Principal | null = SERVICE): Promise<NestFastifyApplication> {
  const draining = new Draining();
  const server = createServer(readSettings({}), draining);
  server.addHook('onRequest', (request, _reply, done) => {
    if (caller !== null) request.context.principal = caller;
    done();
  });
  addAuthenticationCheck(server);
  addDeprecation(server);
  addCompression(server);
  const module = { module: TeaModule, providers: [{ provide: Draining, useValue: draining }] };
  const app = await NestFactory.create<NestFastifyApplication>(module, new HttpAdapter(server), {
    logger: new NestLogger(),
  });
  onTestFinished(() => app.close());
  return app.init();
}
