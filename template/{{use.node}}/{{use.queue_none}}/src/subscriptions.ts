/** The handlers of each type of event: none, because there is no queue. */

import type { Handlers } from './messaging/index.ts';

export const HANDLERS: Handlers = {};
