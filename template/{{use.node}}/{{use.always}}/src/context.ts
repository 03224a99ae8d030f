import { AsyncLocalStorage } from 'node:async_hooks';

import type { ServiceError } from './errors.ts';
import type { Principal } from './permissions.ts';

/** The facts about the request that is being handled. Every layer can read them. */
export interface RequestContext {
  readonly requestId: string;
  /** The address of the client. */
  readonly address: string;
  /** The W3C trace context that the client sent, `00-TRACE_ID-PARENT_ID-FLAGS`; empty if it sent none. */
  readonly traceparent: string;
  /** The message that is being handled because of the request. */
  readonly messageId?: string;
  principal?: Principal;
  /** Why there is no principal. */
  refusal?: ServiceError;
}

const storage = new AsyncLocalStorage<RequestContext>();

/** The context of the request that is being handled; undefined outside of requests. */
export function currentContext(): RequestContext | undefined {
  return storage.getStore();
}

/** Call a function, for which `context` is the current one, and for everything that it starts. */
export function runInContext<T>(context: RequestContext, call: () => T): T {
  return storage.run(context, call);
}

/** What every log line names that a request causes. */
export function loggedFacts(context = currentContext()): Record<string, string> {
  if (context === undefined) return {};
  return {
    ...(context.messageId && { message_id: context.messageId }),
    ...(context.requestId && { request_id: context.requestId }),
    ...(context.traceparent && { trace_id: context.traceparent.slice(3, 35) }),
    ...(context.principal?.subject && { principal: context.principal.subject }),
  };
}

/** Who owns rate limits and idempotency keys: the signed-in user, or else the address of the client. */
export function callerOf(context: RequestContext): string {
  return context.principal?.subject ? userCaller(context.principal.subject) : `address ${context.address}`;
}

/** What `callerOf` returns for requests of a user. */
export function userCaller(subject: string): string {
  return `user ${subject}`;
}
