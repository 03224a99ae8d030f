import { type DynamicModule, Global, Module, type OnApplicationShutdown } from '@nestjs/common';

import { createAuthenticator } from './auth/provider.ts';
import { Cache } from './cache.ts';
import type { Settings } from './config/index.ts';
import { Database } from './database.ts';
import { Queue } from './messaging/index.ts';
import { AUTHENTICATOR, SETTINGS } from './tokens.ts';

/** What every feature may inject. These classes know nothing of Nest, because the worker and the commands use them, too. */
@Global()
@Module({})
export class PlatformModule implements OnApplicationShutdown {
  constructor(private readonly database: Database) {}

  static forRoot(settings: Settings): DynamicModule {
    return {
      module: PlatformModule,
      providers: [
        { provide: SETTINGS, useValue: settings },
        { provide: Database, useFactory: () => new Database(settings) },
        { provide: Cache, useFactory: () => new Cache() },
        { provide: Queue, useFactory: (database: Database) => new Queue(settings, database), inject: [Database] },
        {
          provide: AUTHENTICATOR,
          useFactory: (database: Database) => createAuthenticator(settings, database),
          inject: [Database],
        },
      ],
      exports: [SETTINGS, Database, Cache, Queue, AUTHENTICATOR],
    };
  }

  /** Nest calls it after the server has closed. */
  async onApplicationShutdown(): Promise<void> {
    await this.database.close();
  }
}
