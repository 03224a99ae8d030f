import { Global, Module } from '@nestjs/common';

import { eraseResponses } from './idempotency/index.ts';
import { eraseEvents } from './messaging/events.ts';
import { OrdersModule } from './orders/orders.module.ts';
import { OrdersRepository } from './orders/orders.repository.ts';
import { orderData } from './orders/personal-data.ts';
import type { PersonalData } from './personal-data.ts';
import { PERSONAL_DATA } from './tokens.ts';

/** Collects what the features store about a user. A new feature with personal data adds its own here. */
@Global()
@Module({
  imports: [OrdersModule],
  providers: [
    {
      provide: PERSONAL_DATA,
      useFactory: (orders: OrdersRepository): PersonalData[] => [
        orderData(orders),
        { name: 'events', erase: eraseEvents },
        { name: 'responses', erase: eraseResponses },
      ],
      inject: [OrdersRepository],
    },
  ],
  exports: [PERSONAL_DATA],
})
export class PersonalDataModule {}
