import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';

import { ServiceError } from '../errors.ts';
import { may } from '../permissions.ts';
import { RequiredPermission } from './access.decorators.ts';
import { isPublic, principalOf } from './access.ts';

/** Access by permission. A route that names none and is not public refuses every request. */
@Injectable()
export class PermissionGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(execution: ExecutionContext): boolean {
    const request = execution.switchToHttp().getRequest<FastifyRequest>();
    const permission = this.reflector.get(RequiredPermission, execution.getHandler());
    if (permission === undefined) {
      if (isPublic(request)) return true;
      throw new ServiceError('permission_denied', 'This route has neither a permission nor is it public');
    }
    const principal = principalOf(request);
    if (permission !== 'authenticated' && !may(principal, permission)) {
      throw new ServiceError('permission_denied', `This needs the permission ${permission}`);
    }
    return true;
  }
}
