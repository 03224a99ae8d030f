/** Registration, login and tokens over HTTP. */

import { Body, Controller, Get, Header, HttpCode, Inject, Post, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';

import { AUTHENTICATOR } from '../../tokens.ts';
import { ApiProblems } from '../../web/api.decorators.ts';
import { etag } from '../../web/conditional.ts';
import type { Authenticator } from '../provider.ts';
import { representUser, UserRead } from '../users/schemas.ts';
import { JsonWebKeySet, Login, Refresh, Registration, TokenPair } from './schemas.ts';
import { Sessions } from './service.ts';

@ApiTags('auth')
@Controller()
export class SessionsController {
  constructor(
    private readonly sessions: Sessions,
    @Inject(AUTHENTICATOR) private readonly authenticator: Authenticator,
  ) {}

  @Post('api/v1/auth/register')
  @ApiOperation({
    operationId: 'register',
    summary: 'Register',
    description: 'Register as a member. Closed in production, unless `AUTH_REGISTRATION=open`.',
  })
  @ApiCreatedResponse({ standardSchema: UserRead })
  @ApiProblems('permission_denied', 'conflict')
  async register(
    @Body({ schema: Registration }) credentials: Registration,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<UserRead> {
    const user = await this.sessions.register(credentials);
    reply.headers({ location: '/api/v1/users/me', etag: etag(user.version) });
    return representUser(user);
  }

  @Post('api/v1/auth/login')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'log_in',
    summary: 'Log in',
    description: 'Exchange email and password for an access token and a refresh token.',
  })
  @ApiOkResponse({ standardSchema: TokenPair })
  @ApiProblems('invalid_credentials')
  logIn(@Body({ schema: Login }) credentials: Login): Promise<TokenPair> {
    return this.sessions.logIn(credentials);
  }

  @Post('api/v1/auth/refresh')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'refresh',
    summary: 'Refresh the tokens',
    description: 'Exchange a refresh token for new tokens. Using a refresh token twice ends its session.',
  })
  @ApiOkResponse({ standardSchema: TokenPair })
  @ApiProblems('unauthenticated')
  refresh(@Body({ schema: Refresh }) { refresh_token }: Refresh): Promise<TokenPair> {
    return this.sessions.refresh(refresh_token);
  }

  @Post('api/v1/auth/logout')
  @HttpCode(204)
  @ApiOperation({ operationId: 'log_out', summary: 'Log out', description: 'End the session of a refresh token.' })
  @ApiNoContentResponse({ description: 'The session has ended.' })
  async logOut(@Body({ schema: Refresh }) { refresh_token }: Refresh): Promise<void> {
    await this.sessions.logOut(refresh_token);
  }

  @Get('.well-known/jwks.json')
  @Header('cache-control', 'public, max-age=300')
  @ApiOperation({
    operationId: 'public_keys',
    summary: 'Get the public keys',
    description: 'The keys that verify access tokens.',
  })
  @ApiOkResponse({ standardSchema: JsonWebKeySet })
  async publicKeys(): Promise<JsonWebKeySet> {
    return { keys: await this.authenticator.keys.publicKeys() };
  }
}
