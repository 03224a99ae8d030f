import { Module } from '@nestjs/common';

import type { Settings } from '../config/index.ts';
import { Database } from '../database.ts';
import { AUTHENTICATOR, SETTINGS } from '../tokens.ts';
import { AuditController } from './audit.controller.ts';
import type { Authenticator } from './provider.ts';
import { SessionsController } from './sessions/sessions.controller.ts';
import { Sessions } from './sessions/service.ts';
import { UsersController } from './users/users.controller.ts';
import { UsersService } from './users/users.service.ts';

@Module({
  controllers: [SessionsController, UsersController, AuditController],
  providers: [
    {
      provide: Sessions,
      useFactory: (settings: Settings, database: Database, authenticator: Authenticator) =>
        new Sessions(settings, database, authenticator),
      inject: [SETTINGS, Database, AUTHENTICATOR],
    },
    UsersService,
  ],
})
export class AuthModule {}
