/** Access by permission. */

import type { Request } from 'express';

import { PUBLIC_PATHS } from '../auth/provider.ts';
import { ServiceError } from '../errors.ts';
import { may, type Permission, type Principal } from '../permissions.ts';

declare global {
  namespace Express {
    interface Request {
      /** The caller. Only routes with a permission may read it. */
      principal: Principal;
    }
  }
}

const PUBLIC: ReadonlySet<string> = new Set([
  '/livez',
  '/readyz',
  '/metrics',
  '/openapi.json',
  '/docs',
  '/problems/:code',
  ...PUBLIC_PATHS,
]);

/** Whether everybody may call a route that names no permission. */
export function isPublic(template: string): boolean {
  return PUBLIC.has(template);
}

/** @throws unauthenticated, token_expired, permission_denied */
export function authorize(
  req: Pick<Request, 'context' | 'principal'>,
  permission: Permission | 'authenticated' | undefined,
): void {
  if (permission === undefined) return;
  const { principal, refusal } = req.context;
  if (principal === undefined) throw refusal ?? new ServiceError('unauthenticated');
  if (permission !== 'authenticated' && !may(principal, permission)) {
    throw new ServiceError('permission_denied', `This needs the permission ${permission}`);
  }
  req.principal = principal;
}
