/** Users over HTTP: the caller's own account, and the accounts that admins manage. */

import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  Param,
  Patch,
  Put,
  Query,
  Req,
  Res,
  StreamableFile,
} from '@nestjs/common';
import {
  ApiConsumes,
  ApiNoContentResponse,
  ApiNotModifiedResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { type Principal, ROLES } from '../../permissions.ts';
import { Caller, RequirePermission } from '../../web/access.decorators.ts';
import { ApiIfMatch, ApiIfNoneMatch, ApiProblems } from '../../web/api.decorators.ts';
import { etag, requireIfMatch } from '../../web/conditional.ts';
import { isCurrent } from '../../web/fresh.ts';
import { type Page, PageQuery, paginated } from '../../web/pagination.ts';
import type { User } from './repository.ts';
import {
  PasswordChange,
  representUser,
  RoleAssignment,
  UserExport,
  UserPage,
  UserParams,
  UserPatch,
  UserRead,
} from './schemas.ts';
import { UsersService } from './users.service.ts';

@ApiTags('users')
@Controller('api/v1/users')
export class UsersController {
  constructor(private readonly users: UsersService) {}

  @Get('me')
  @RequirePermission('authenticated')
  @ApiOperation({ operationId: 'get_me', summary: 'Get your account', description: "The caller's own account." })
  @ApiIfNoneMatch()
  @ApiOkResponse({ standardSchema: UserRead })
  @ApiNotModifiedResponse({ description: 'The caller has this version.' })
  async getMe(
    @Caller() { subject }: Principal,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<UserRead | undefined> {
    return respond(reply, await this.users.find(subject), ifNoneMatch);
  }

  @Get('me/export')
  @RequirePermission('authenticated')
  @ApiOperation({
    operationId: 'export_me',
    summary: 'Export your data',
    description: "The caller's account, and everything that the service stores of its owner.",
  })
  @ApiOkResponse({ standardSchema: UserExport })
  async exportMe(@Caller() { subject }: Principal): Promise<StreamableFile> {
    return new StreamableFile(await this.users.export(subject), { type: 'application/json; charset=utf-8' });
  }

  @Put('me/password')
  @HttpCode(204)
  @RequirePermission('authenticated')
  @ApiOperation({
    operationId: 'change_password',
    summary: 'Change your password',
    description: 'This ends all sessions, so log in again.',
  })
  @ApiNoContentResponse({ description: 'The password is changed.' })
  @ApiProblems('invalid_credentials')
  async changePassword(
    @Caller() { subject }: Principal,
    @Body({ schema: PasswordChange }) { current_password, new_password }: PasswordChange,
  ): Promise<void> {
    await this.users.changePassword(subject, { current: current_password, new: new_password });
  }

  @Delete('me')
  @HttpCode(204)
  @RequirePermission('authenticated')
  @ApiOperation({
    operationId: 'erase_me',
    summary: 'Erase your account',
    description: "The caller's account is erased, with everything that the service stores of its owner.",
  })
  @ApiNoContentResponse({ description: 'The account is erased.' })
  @ApiProblems('invalid_state')
  async eraseMe(@Caller() { subject }: Principal): Promise<void> {
    await this.users.erase(subject);
  }

  @Get()
  @RequirePermission('users:read')
  @ApiOperation({ operationId: 'list_users', summary: 'List users', description: 'Newest first.' })
  @ApiOkResponse({ standardSchema: UserPage })
  @ApiProblems('invalid_cursor')
  async list(
    @Query({ schema: PageQuery }) { limit, cursor }: PageQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Page<UserRead>> {
    return paginated(request, reply, limit, await this.users.list(limit, cursor), representUser);
  }

  @Get(':user_id')
  @RequirePermission('users:read')
  @ApiOperation({ operationId: 'get_user', summary: 'Get a user', description: 'One user with its roles.' })
  @ApiIfNoneMatch()
  @ApiOkResponse({ standardSchema: UserRead })
  @ApiNotModifiedResponse({ description: 'The caller has this version.' })
  async get(
    @Param({ schema: UserParams }) { user_id }: UserParams,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<UserRead | undefined> {
    return respond(reply, await this.users.find(user_id), ifNoneMatch);
  }

  @Patch(':user_id')
  @RequirePermission('users:manage')
  @ApiOperation({
    operationId: 'patch_user',
    summary: 'Disable or enable a user',
    description: 'Disabling ends the sessions of the user.',
  })
  @ApiConsumes('application/json', 'application/merge-patch+json')
  @ApiIfMatch({ required: true })
  @ApiOkResponse({ standardSchema: UserRead })
  @ApiProblems('invalid_state', 'precondition_failed', 'precondition_required')
  async patch(
    @Param({ schema: UserParams }) { user_id }: UserParams,
    @Body({ schema: UserPatch }) { disabled }: UserPatch,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<UserRead | undefined> {
    return respond(reply, await this.users.changeDisabled(user_id, disabled, requireIfMatch(ifMatch)));
  }

  @Put(':user_id/roles')
  @RequirePermission('users:manage')
  @ApiOperation({
    operationId: 'assign_roles',
    summary: 'Assign roles to a user',
    description: 'The user has exactly these roles afterwards.',
  })
  @ApiIfMatch({ required: true })
  @ApiOkResponse({ standardSchema: UserRead })
  @ApiProblems('invalid_state', 'precondition_failed', 'precondition_required')
  async assignRoles(
    @Param({ schema: UserParams }) { user_id }: UserParams,
    @Body({ schema: RoleAssignment }) assignment: RoleAssignment,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<UserRead | undefined> {
    const roles = ROLES.filter((role) => assignment.roles.includes(role));
    return respond(reply, await this.users.changeRoles(user_id, roles, requireIfMatch(ifMatch)));
  }
}

/** The body of a response with a user; none if the caller has this version. */
function respond(reply: FastifyReply, user: User, ifNoneMatch?: string): UserRead | undefined {
  reply.header('etag', etag(user.version));
  if (!isCurrent(ifNoneMatch, user.version)) return representUser(user);
  reply.code(304);
  return undefined;
}
