import type { Migration } from 'kysely/migration';

import * as messages from '../migrations/0003_messages.ts';

export const messagingMigrations: Record<string, Migration> = { '0003_messages': messages };
