/** Access by permission. A route that names none and is not public refuses every request. */

import {
  applyDecorators,
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiExtension } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';

import { PUBLIC_PATHS } from '../auth/provider.ts';
import { ServiceError } from '../errors.ts';
import { may, type Permission } from '../permissions.ts';

/** `authenticated` is for every caller with valid credentials. */
export type RoutePermission = Permission | 'authenticated';

const PUBLIC: ReadonlySet<string> = new Set(['/livez', '/readyz', '/metrics', '/problems/:code', ...PUBLIC_PATHS]);

const RequiredPermission = Reflector.createDecorator<RoutePermission>();

/** The permission that a caller of the route needs. */
export function RequirePermission(permission: RoutePermission): MethodDecorator {
  return applyDecorators(RequiredPermission(permission), ApiExtension('x-permission', permission));
}

/** The principal of the request. Only routes with a permission may ask for it. */
export const Caller = createParamDecorator(
  (_data: unknown, execution: ExecutionContext) =>
    execution.switchToHttp().getRequest<FastifyRequest>().context.principal,
);

@Injectable()
export class PermissionGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(execution: ExecutionContext): boolean {
    const { context, routeOptions } = execution.switchToHttp().getRequest<FastifyRequest>();
    const permission = this.reflector.get(RequiredPermission, execution.getHandler());
    if (permission === undefined) {
      if (PUBLIC.has(routeOptions.url ?? '')) return true;
      throw new ServiceError('permission_denied', 'This route has neither a permission nor is it public');
    }
    if (context.principal === undefined) throw context.refusal ?? new ServiceError('unauthenticated');
    if (permission !== 'authenticated' && !may(context.principal, permission)) {
      throw new ServiceError('permission_denied', `This needs the permission ${permission}`);
    }
    return true;
  }
}
