import { expect, test } from 'vitest';

import { PUBLIC_PATHS } from '../../src/auth/provider.ts';
import { newId } from '../../src/clock.ts';
import type { Role } from '../../src/permissions.ts';
import { asAdmin, asMember } from '../callers.ts';
import { startAnonymousApp } from '../services.ts';

const OPERATIONS = new Set(['/livez', '/readyz', '/metrics', '/problems/{code}']);
const MATRIX: Record<string, Role | 'authenticated'> = {
  'POST /api/v1/orders': 'member',
  'GET /api/v1/orders': 'member',
  'GET /api/v1/orders/{order_id}': 'member',
  'PATCH /api/v1/orders/{order_id}': 'member',
  'POST /api/v1/orders/{order_id}/cancellation': 'member',
  'DELETE /api/v1/orders/{order_id}': 'admin',
  'GET /api/v1/users/me': 'authenticated',
  'GET /api/v1/users/me/export': 'authenticated',
  'PUT /api/v1/users/me/password': 'authenticated',
  'DELETE /api/v1/users/me': 'authenticated',
  'GET /api/v1/users': 'admin',
  'GET /api/v1/users/{user_id}': 'admin',
  'PATCH /api/v1/users/{user_id}': 'admin',
  'PUT /api/v1/users/{user_id}/roles': 'admin',
  'GET /api/v1/audit-log': 'admin',
};

test('each route needs the principal and the role of this table, or stands on the list of public routes', async () => {
  const app = await startAnonymousApp();
  const document = (await app.inject('/openapi.json')).json<{ paths: Record<string, Record<string, object>> }>();
  const requests = Object.entries(document.paths)
    .filter(([path]) => !PUBLIC_PATHS.includes(path) && !OPERATIONS.has(path))
    .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
  expect(requests.toSorted()).toEqual(Object.keys(MATRIX).toSorted());

  for (const [request, needed] of Object.entries(MATRIX)) {
    const [method = '', path = ''] = request.split(' ');
    const options = { method: method as 'GET', url: path.replace(/\{.*?\}/, newId()) };
    const anonymous = await app.inject(options);
    expect(anonymous.json(), request).toMatchObject({ status: 401, code: 'unauthenticated' });
    // Each caller is a new user, because one of the requests erases its account.
    const member = await (await asMember(app)).inject(options);
    expect(member.statusCode === 403, request).toBe(needed === 'admin');
    if (needed !== 'authenticated') expect((await (await asAdmin(app)).inject(options)).statusCode).not.toBe(403);
  }
});

test('a public route may be called with a token that is not valid', async () => {
  const app = await startAnonymousApp();
  const headers = { authorization: 'Bearer nonsense' };
  expect((await app.inject({ url: '/.well-known/jwks.json', headers })).statusCode).toBe(200);
});
