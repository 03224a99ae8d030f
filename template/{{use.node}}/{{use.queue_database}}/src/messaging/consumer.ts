/** Passes messages to their handlers. Each message has its own transaction; those of a batch handler share one. */

import type { Settings } from '../config/index.ts';
import type { Database } from '../database.ts';
import type { Dependency } from '../health.ts';
import { pause } from '../lifecycle.ts';
import { log } from '../logs.ts';
import { claim, type Claimed, extend, giveBack, giveUp, remove, retryLater, split } from './claims.ts';
import type { Envelope, Event } from './events.ts';
import { backoff, BatchHandler, call, causedBy, type Handler, type Handlers } from './handlers.ts';
import { deadLetters, handled, handlingDuration, published, watchPending } from './metrics.ts';
import { Notifier } from './notifier.ts';

const PAUSE_AFTER_OUTAGE_SECONDS = 1;
const PAUSE_BETWEEN_CLAIMS_SECONDS = 0.02;

/** The queue in the database. Any number of workers may consume it, in any number of processes. */
export class Queue {
  /** The servers that it needs, beside that of the database: none. */
  readonly dependencies: readonly Dependency[] = [];

  readonly #settings: Settings;
  readonly #database: Database;
  readonly #notifier = new Notifier();

  constructor(settings: Settings, database: Database) {
    this.#settings = settings;
    this.#database = database;
  }

  /** Notify workers of stored messages until the signal is aborted. `consumes` says whether this process is a worker. */
  async run(signal: AbortSignal, { consumes }: { consumes: boolean }): Promise<void> {
    await Promise.all([
      this.#notifier.run(this.#settings, signal, { listens: consumes }),
      watchPending(this.#database, signal),
    ]);
  }

  /**
   * Handle messages until the signal is aborted. The handler that runs then is waited for, and the rest of the batch is
   * given back.
   */
  async consume(handlers: Handlers, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const count = await this.handleBatch(handlers, signal);
        if (count === 0) await this.#notifier.wait(this.#settings.queuePollSeconds, signal);
      } catch (error) {
        // The next attempt may succeed.
        log.warn({ reason: String(error) }, 'queue unavailable');
        await pause(PAUSE_AFTER_OUTAGE_SECONDS, signal);
      }
    }
  }

  /** Claim and handle one batch. Returns the number of messages. */
  async handleBatch(handlers: Handlers, signal: AbortSignal): Promise<number> {
    const messages = await this.#claim(signal);
    if (messages.length === 0) return 0;
    const done = new AbortController();
    const extending = this.#extendLease(messages, done.signal);
    try {
      const left = await this.#handleAll(messages, handlers, signal);
      if (left.length > 0) await this.#database.transaction((session) => giveBack(session, left));
    } finally {
      done.abort();
      await extending;
    }
    return messages.length;
  }

  async #claim(signal: AbortSignal): Promise<Claimed[]> {
    const { queueBatchSize: limit, queueLeaseSeconds: seconds } = this.#settings;
    while (!signal.aborted) {
      const messages = await this.#database.transaction((session) => claim(session, { limit, seconds }));
      if (messages !== undefined) return messages;
      // Another worker is claiming.
      await pause(PAUSE_BETWEEN_CLAIMS_SECONDS, signal);
    }
    return [];
  }

  /**
   * Handle messages in their order: those of a batch handler together, the others one by one. Returns those that no
   * handler got, because the signal was aborted, or because the lease of an earlier one of their subject was lost: the
   * worker that has it now also handles what follows.
   */
  async #handleAll(messages: readonly Claimed[], handlers: Handlers, signal: AbortSignal): Promise<Claimed[]> {
    const left: Claimed[] = [];
    const lost = new Set<string>();
    for (const run of runsOf(messages, handlers)) {
      const { batchHandler } = run;
      if (!signal.aborted && batchHandler && (await this.#handleTogether(run.messages, batchHandler))) continue;
      for (const message of run.messages) {
        if (signal.aborted || lost.has(message.subject)) left.push(message);
        else if (!(await this.#handleAlone(message, handlers))) lost.add(message.subject);
      }
    }
    return left;
  }

  /** Handle messages in one transaction. False if that failed: then, none was handled. */
  async #handleTogether(messages: readonly Claimed[], { handleAll }: BatchHandler): Promise<boolean> {
    const startedAt = performance.now();
    try {
      await this.#database.transaction(async (session) => {
        if (!(await remove(session, messages))) throw new Error('a lease was lost');
        await handleAll(session, messages.map(eventOf));
      });
    } catch (error) {
      // What has failed will fail again when it is alone.
      log.info({ count: messages.length, reason: String(error) }, 'messages are handled one by one');
      return false;
    }
    const share = (performance.now() - startedAt) / 1000 / messages.length;
    for (const { type } of messages) {
      handled.inc({ result: 'ok', type });
      handlingDuration.observe({ type }, share);
    }
    published.inc(messages.length);
    return true;
  }

  /** Run the handlers of a message, each in its own transaction. False if the lease was lost. */
  async #handleAlone(message: Claimed, handlers: Handlers): Promise<boolean> {
    const parts = await this.#split(message, handlers);
    let isHeld = parts.length > 0;
    for (const part of parts) isHeld = (await this.#handle(part, handlers)) && isHeld;
    return isHeld;
  }

  /** One message for each handler of a message, none if the lease was lost. */
  async #split(message: Claimed, handlers: Handlers): Promise<Claimed[]> {
    const names = handlersOf(message, handlers).map(({ name }) => name);
    if (message.handler !== null || names.length < 2) return [message];
    return this.#database.transaction((session) => split(session, message, names));
  }

  #handle(message: Claimed, handlers: Handlers): Promise<boolean> {
    const { type, attempts } = message;
    return causedBy(message, async () => {
      const end = handlingDuration.startTimer({ type });
      try {
        return await this.#apply(message, handlers);
      } catch (error) {
        // Any error of a handler leads to a retry.
        handled.inc({ result: 'failed', type });
        log.warn({ type, attempts, error }, 'message failed');
        await this.#retryOrGiveUp(message, String(error));
        return true;
      } finally {
        end();
      }
    });
  }

  async #apply(message: Claimed, handlers: Handlers): Promise<boolean> {
    if (message.attempts > this.#settings.queueMaxAttempts) {
      throw new Error('the worker process died while handling this message');
    }
    const handler = handlerOf(message, handlers);
    const isHeld = await this.#database.transaction(async (session) => {
      // Deleting the row also locks it until the effect of the handler is committed.
      if (!(await remove(session, [message]))) return false;
      await call(handler, session, eventOf(message));
      return true;
    });
    if (isHeld) {
      handled.inc({ result: 'ok', type: message.type });
      published.inc();
    }
    return isHeld;
  }

  async #retryOrGiveUp(message: Claimed, error: string): Promise<void> {
    const isLast = message.attempts >= this.#settings.queueMaxAttempts;
    const isGivenUp = await this.#database.transaction(async (session) => {
      if (isLast) return giveUp(session, message, error);
      await retryLater(session, message, error, backoff(message.attempts));
      return false;
    });
    if (isGivenUp) deadLetters.inc({ type: message.type });
  }

  async #extendLease(messages: readonly Claimed[], done: AbortSignal): Promise<void> {
    const seconds = this.#settings.queueLeaseSeconds;
    await pause(seconds / 3, done);
    while (!done.aborted) {
      try {
        await this.#database.transaction((session) => extend(session, messages, seconds));
      } catch (error) {
        // If the lease expires, the message is delivered again.
        log.warn({ reason: String(error) }, 'lease not extended');
      }
      await pause(seconds / 3, done);
    }
  }
}

interface Run {
  batchHandler: BatchHandler | undefined;
  messages: Claimed[];
}

/** Successive messages with the same batch handler are one run. */
function runsOf(messages: readonly Claimed[], handlers: Handlers): Run[] {
  const runs: Run[] = [];
  for (const message of messages) {
    const batchHandler = batchHandlerOf(message, handlers);
    const last = runs.at(-1);
    if (last && last.batchHandler === batchHandler) last.messages.push(message);
    else runs.push({ batchHandler, messages: [message] });
  }
  return runs;
}

/** The only handler of a message, if it takes batches. A message that has failed before is handled alone. */
function batchHandlerOf(message: Claimed, handlers: Handlers): BatchHandler | undefined {
  const [handler, ...others] = handlersOf(message, handlers);
  const isNew = message.attempts === 1 && message.handler === null;
  return isNew && others.length === 0 && handler instanceof BatchHandler ? handler : undefined;
}

/** @throws if the message has no handler, or if two handlers have its name */
function handlerOf(message: Claimed, handlers: Handlers): Handler {
  const [handler, ...others] = handlersOf(message, handlers).filter(
    ({ name }) => message.handler === null || message.handler === name,
  );
  if (handler === undefined) throw new Error(`no handler for ${message.type}`);
  if (others.length > 0) throw new Error(`several handlers of ${message.type} have the name '${handler.name}'`);
  return handler;
}

function handlersOf({ type }: Claimed, handlers: Handlers): readonly Handler[] {
  return Object.hasOwn(handlers, type) ? (handlers[type] ?? []) : [];
}

function eventOf({ event, owner }: Claimed): Event {
  return { ...(JSON.parse(event) as Envelope), owner };
}
