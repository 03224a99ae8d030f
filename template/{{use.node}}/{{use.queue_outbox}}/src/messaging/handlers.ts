/** What the handlers of events are, and when they are tried again. */

import { runInContext } from '../context.ts';
import type { Session } from '../database.ts';
import type { Event } from './events.ts';

const MAX_RETRY_SECONDS = 300;

/** Changes data because of an event. It is told apart from other handlers of the event by its name. */
export type Handler = ((session: Session, event: Event) => Promise<void>) | BatchHandler;

/** The handlers of each type of event. */
export type Handlers = Readonly<Record<string, readonly Handler[]>>;

/**
 * What the data of each type of event holds: a JSON schema, whose `$id` names it and whose description tells what
 * happened. `scripts/asyncapi.ts` describes it.
 */
export type DataSchemas = Readonly<Record<string, object>>;

/**
 * A handler that takes several events at once, such as to change all rows with one statement. It gets them one by one
 * where messages are not handled together.
 */
export class BatchHandler {
  readonly name: string;
  readonly handleAll: (session: Session, events: readonly Event[]) => Promise<void>;

  constructor(handleAll: (session: Session, events: readonly Event[]) => Promise<void>) {
    this.name = handleAll.name;
    this.handleAll = handleAll;
  }
}

export function call(handler: Handler, session: Session, event: Event): Promise<void> {
  return handler instanceof BatchHandler ? handler.handleAll(session, [event]) : handler(session, event);
}

/**
 * The seconds to wait after some failures: exponential, with jitter. So what has failed together is not tried again
 * together.
 */
export function backoff(failures: number): number {
  return Math.min(2 ** failures, MAX_RETRY_SECONDS) * (0.5 + Math.random() / 2);
}

/** A message, and the request that caused it. */
interface Cause {
  id: string;
  request_id: string | null;
  traceparent: string | null;
}

/** Call a function, for which log lines name the message and its request, and new events have the same request. */
export function causedBy<T>({ id, request_id, traceparent }: Cause, work: () => T): T {
  return runInContext(
    { requestId: request_id ?? '', traceparent: traceparent ?? '', messageId: id, address: '' },
    work,
  );
}
