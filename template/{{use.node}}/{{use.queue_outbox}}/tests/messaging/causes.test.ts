import { expect, test } from 'vitest';

import { currentContext, loggedFacts, runInContext } from '../../src/context.ts';
import type { Session } from '../../src/database.ts';
import { type Event, publish } from '../../src/messaging/events.ts';
import { redrive } from '../../src/messaging/repository.ts';
import { openDatabase } from '../services.ts';
import { fail, passTime, send, waiting } from './messages.ts';
import { Worker } from './workers.ts';

const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
const REQUEST = { requestId: 'the-cause', traceparent, address: '10.0.0.1' };
const FACTS = { request_id: 'the-cause', trace_id: 'a'.repeat(32) };

/** Notes what log lines of handlers name. */
class Log {
  readonly facts: Record<string, string>[] = [];

  note = (): Promise<void> => {
    this.facts.push(loggedFacts());
    return Promise.resolve();
  };
}

test('log lines of each handler name the request and its trace, also after a retry and a redrive', async () => {
  const database = await openDatabase();
  await runInContext(REQUEST, () => send(database));
  const log = new Log();
  const failTwice = async (): Promise<void> => {
    await log.note();
    if (log.facts.length <= 2) await fail();
  };
  const worker = new Worker(database, [failTwice], { QUEUE_MAX_ATTEMPTS: '2' });
  const [message] = await waiting(database);
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    await worker.work();
    passTime(60);
  }
  expect(await database.transaction((session) => redrive(session, message?.id))).toBe(1);
  await worker.work();
  expect(log.facts).toEqual(Array.from({ length: 3 }, () => ({ message_id: message?.id, ...FACTS })));
});

test('log lines of a message name nothing of the message before', async () => {
  const database = await openDatabase();
  await runInContext(REQUEST, () => send(database));
  await runInContext({ ...REQUEST, requestId: 'no-trace', traceparent: '' }, () => send(database));
  await send(database);
  const log = new Log();
  const [traced, untraced, alone] = await waiting(database);
  await new Worker(database, [log.note]).work();
  expect(log.facts).toEqual([
    { message_id: traced?.id, ...FACTS },
    { message_id: untraced?.id, request_id: 'no-trace' },
    { message_id: alone?.id },
  ]);
  expect(currentContext()).toBeUndefined();
});

test('an event that a handler publishes has the cause of its message', async () => {
  const database = await openDatabase();
  await runInContext(REQUEST, () => send(database));
  await new Worker(database, [brew]).work();
  expect(await waiting(database)).toMatchObject([{ type: 'tea.brewed', request_id: 'the-cause', traceparent }]);
});

function brew(session: Session, { subject }: Event): Promise<void> {
  return publish(session, { type: 'tea.brewed', subject, data: {} }, 'ada');
}
