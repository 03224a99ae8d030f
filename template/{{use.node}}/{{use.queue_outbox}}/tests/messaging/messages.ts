import { setTimeout as sleep } from 'node:timers/promises';

import { onTestFinished, vi } from 'vitest';

import type { Database, Session } from '../../src/database.ts';
import { log } from '../../src/logs.ts';
import { type Event, publish } from '../../src/messaging/events.ts';
import type { MessageRow } from '../../src/messaging/tables.ts';

// Handlers fail on purpose.
log.level = 'silent';

/** Publish events of the type `tea.poured` in one transaction, with the subjects `cup-0`, `cup-1` and so on. */
export async function send(database: Database, count = 1): Promise<void> {
  await sendTo(
    database,
    Array.from({ length: count }, (_, number) => `cup-${number}`),
  );
}

export async function sendTo(database: Database, subjects: readonly string[]): Promise<void> {
  await database.transaction(async (session) => {
    for (const [number, subject] of subjects.entries()) {
      await publish(session, { type: 'tea.poured', subject, data: { number } }, 'ada');
    }
  });
}

/** The messages in the queue, in the order in which they were stored. */
export function waiting(database: Database): Promise<MessageRow[]> {
  return database.read(({ db }) => db.selectFrom('messages').selectAll().orderBy('event_id').orderBy('id').execute());
}

/** Handlers that note what they get. */
export class Noted {
  readonly events: Event[] = [];

  get subjects(): string[] {
    return this.events.map(({ subject }) => subject);
  }

  /** What the events say of their order. */
  get numbers(): unknown[] {
    return this.events.map(({ data }) => data['number']);
  }

  note = (_session: Session, event: Event): Promise<void> => {
    this.events.push(event);
    return Promise.resolve();
  };
}

export function fail(): Promise<void> {
  return Promise.reject(new Error('the pot is empty'));
}

/** Let the clock go on. */
export function passTime(seconds: number): void {
  if (!vi.isFakeTimers()) {
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
  }
  vi.setSystemTime(Date.now() + seconds * 1000);
}

export async function eventually<T>(ask: () => Promise<T> | T, isExpected: (answer: T) => boolean): Promise<T> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const answer = await ask();
    if (isExpected(answer)) return answer;
    if (performance.now() > deadline) throw new Error(`still ${JSON.stringify(answer)}`);
    await sleep(20);
  }
}
