/** Events: stored with the change that they report, and handled by the worker. */

export { Queue } from './consumer.ts';
export { deadLetterCommands as messagingCommands } from './dead-letters.ts';
export type { DataSchemas, Handlers } from './handlers.ts';

/** How docs/asyncapi.json describes where events are sent, and where workers receive them. */
export const CHANNELS = {
  events: { address: 'messages', description: 'The outbox of this service, to which it adds events.' },
  queue: { address: 'messages', description: 'The outbox of this service, from which its workers claim events.' },
};

export const HEADERS = {
  request_id: 'The id of the request that caused the event, if there was one.',
  traceparent: 'The W3C trace context of this request, if it had one.',
};
