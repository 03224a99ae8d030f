import { type DynamicModule, Module, type Type } from '@nestjs/common';

import { AuthModule } from './auth/auth.module.ts';
import type { Settings } from './config/index.ts';
import { OrdersModule } from './orders/orders.module.ts';
import { PersonalDataModule } from './personal-data.module.ts';
import { PlatformModule } from './platform.module.ts';
import type { Draining } from './web/draining.ts';
import { WebModule } from './web/web.module.ts';

/** All modules of the API. `features` are modules beside those of the service: tests have such. */
@Module({})
export class AppModule {
  static forRoot(settings: Settings, draining: Draining, features: Type[]): DynamicModule {
    return {
      module: AppModule,
      imports: [
        PlatformModule.forRoot(settings),
        WebModule.forRoot(settings, draining),
        PersonalDataModule,
        AuthModule,
        OrdersModule,
        ...features,
      ],
    };
  }
}
