import { setTimeout as sleep } from 'node:timers/promises';

import { register } from 'prom-client';
import { expect, test, vi } from 'vitest';

import { newId } from '../../src/clock.ts';
import type { Database, Session } from '../../src/database.ts';
import { claim, remove } from '../../src/messaging/claims.ts';
import { eraseEvents, type Event, publish } from '../../src/messaging/events.ts';
import { BatchHandler } from '../../src/messaging/handlers.ts';
import { redrive } from '../../src/messaging/repository.ts';
import { NAME } from '../../src/version.ts';
import { emptyDatabase } from '../databases.ts';
import { openDatabase } from '../services.ts';
import { eventually, fail, Noted, passTime, send, sendTo, waiting } from './messages.ts';
import { Worker } from './workers.ts';

const FIRST = '00000000-0000-7000-8000-000000000000';

test('an event of a rolled back transaction is not stored', async () => {
  const database = await openDatabase();
  const failing = database.transaction(async (session) => {
    await publish(session, { type: 'tea.poured', subject: 'cup', data: {} }, 'ada');
    throw new Error('rolled back');
  });
  await expect(failing).rejects.toThrow('rolled back');
  expect(await waiting(database)).toEqual([]);
});

test('a message holds a CloudEvent', async () => {
  const database = await openDatabase();
  await send(database);
  const [message] = await waiting(database);
  expect(JSON.parse(message?.event ?? '')).toEqual({
    specversion: '1.0',
    id: message?.id,
    source: NAME,
    type: 'tea.poured',
    subject: 'cup-0',
    time: message?.created_at.toISOString(),
    datacontenttype: 'application/json',
    data: { number: 0 },
  });
});

test('an event whose subject is too long is refused', async () => {
  const database = await openDatabase();
  await expect(sendTo(database, ['x'.repeat(256)])).rejects.toThrow('over 255 characters');
});

test('a handled message leaves the queue', async () => {
  const database = await openDatabase();
  await send(database);
  const noted = new Noted();
  const worker = new Worker(database, [noted.note]);
  expect(await worker.work()).toBe(1);
  expect(await worker.work()).toBe(0);
  expect(noted.events).toMatchObject([{ type: 'tea.poured', subject: 'cup-0', owner: 'ada' }]);
  expect(await waiting(database)).toEqual([]);
});

test('each of several handlers receives the event, and has its own retries', async () => {
  const database = await openDatabase();
  const noted = new Noted();
  let failures = 0;
  const bad = (): Promise<void> => {
    failures += 1;
    return fail();
  };
  await send(database);
  const worker = new Worker(database, [noted.note, bad], { QUEUE_MAX_ATTEMPTS: '3' });
  for (let round = 0; round < 4; round += 1) {
    await worker.work();
    passTime(60);
  }
  expect(noted.subjects).toEqual(['cup-0']);
  expect(failures).toBe(3);
  expect(await waiting(database)).toMatchObject([{ state: 'dead', handler: 'bad' }]);
});

test('the handlers of an event must have different names', async () => {
  const database = await openDatabase();
  const noted = new Noted();
  await send(database);
  await new Worker(database, [noted.note, new Noted().note], { QUEUE_MAX_ATTEMPTS: '1' }).work();
  expect(noted.events).toEqual([]);
  expect(await waiting(database)).toMatchObject(
    Array.from({ length: 2 }, () => ({ last_error: "Error: several handlers of tea.poured have the name 'note'" })),
  );
});

test('a message without a handler becomes a dead letter', async () => {
  const database = await openDatabase();
  await send(database);
  const worker = new Worker(database, [], { QUEUE_MAX_ATTEMPTS: '1' });
  worker.handlers = {};
  await worker.work();
  expect(await waiting(database)).toMatchObject([{ state: 'dead', last_error: 'Error: no handler for tea.poured' }]);
});

test('a batch handler receives all events of a batch at once', async () => {
  const database = await openDatabase();
  const batches = new Batches();
  await send(database, 3);
  expect(await new Worker(database, [batches.handler]).work()).toBe(3);
  expect(batches.subjects).toEqual([['cup-0', 'cup-1', 'cup-2']]);
  expect(await waiting(database)).toEqual([]);
});

test('a batch that fails is rolled back, and its events are handled one by one', async () => {
  const database = await openDatabase();
  const batches = new Batches(async (session, events) => {
    for (const { subject } of events) await addJob(session, subject);
    if (events.some(({ subject }) => subject === 'cup-1')) await fail();
  });
  await send(database, 3);
  await new Worker(database, [batches.handler]).work();
  expect(batches.subjects).toEqual([['cup-0', 'cup-1', 'cup-2'], ['cup-0'], ['cup-1'], ['cup-2']]);
  expect(await jobs(database)).toEqual(['cup-0', 'cup-2']);
  expect(await waiting(database)).toMatchObject([{ subject: 'cup-1', attempts: 1 }]);
});

test('a message that has failed before is not handled together with new ones', async () => {
  const database = await openDatabase();
  await sendTo(database, ['failed']);
  await new Worker(database, [fail]).work();
  passTime(60);
  await send(database, 2);
  const batches = new Batches();
  await new Worker(database, [batches.handler]).work();
  expect(batches.subjects).toEqual([['failed'], ['cup-0', 'cup-1']]);
});

test('a redriven message of one handler is not passed to the others', async () => {
  const database = await openDatabase();
  const good = new Noted();
  const late = new Noted();
  let isEmpty = true;
  const bad = (session: Session, event: Event): Promise<void> => (isEmpty ? fail() : late.note(session, event));
  await send(database);
  const worker = new Worker(database, [good.note, bad], { QUEUE_MAX_ATTEMPTS: '1' });
  await worker.work();
  isEmpty = false;
  expect(await database.transaction((session) => redrive(session))).toBe(1);
  await send(database, 2);
  await worker.work();
  expect(good.subjects).toEqual(['cup-0', 'cup-0', 'cup-1']);
  expect(late.subjects).toEqual(['cup-0', 'cup-0', 'cup-1']);
  expect(await waiting(database)).toEqual([]);
});

test('the messages of one transaction are handled in their order, also of different types', async () => {
  const database = await openDatabase();
  const order: unknown[] = [];
  const types = Array.from({ length: 300 }, (_, number) => (number % 7 === 3 ? 'milk.added' : 'tea.poured'));
  await database.transaction(async (session) => {
    for (const [number, type] of types.entries())
      await publish(session, { type, subject: 'cup', data: { number } }, '');
  });
  const pourAll = (_session: Session, events: readonly Event[]): Promise<void> => {
    order.push(...events.map(({ data }) => data['number']));
    return Promise.resolve();
  };
  const addMilk = (session: Session, event: Event): Promise<void> => pourAll(session, [event]);
  const worker = new Worker(database, []);
  worker.handlers = { 'tea.poured': [new BatchHandler(pourAll)], 'milk.added': [addMilk] };
  while ((await worker.work()) > 0);
  expect(order).toEqual(types.map((_, number) => number));
});

test('retries wait longer each time until the message is a dead letter', async () => {
  const database = await openDatabase();
  await send(database);
  const worker = new Worker(database, [fail], { QUEUE_MAX_ATTEMPTS: '3' });
  for (const attempt of [1, 2]) {
    expect(await worker.work()).toBe(1);
    expect(await worker.work()).toBe(0);
    const [message] = await waiting(database);
    const seconds = ((message?.run_at.getTime() ?? 0) - Date.now()) / 1000;
    expect(seconds).toBeGreaterThan(2 ** attempt * 0.5 - 0.5);
    expect(seconds).toBeLessThanOrEqual(2 ** attempt);
    passTime(2 ** attempt);
  }
  expect(await worker.work()).toBe(1);
  expect(await waiting(database)).toMatchObject([{ state: 'dead', last_error: 'Error: the pot is empty' }]);
  passTime(3600);
  expect(await worker.work()).toBe(0);
});

test('an error with text that databases refuse is stored', async () => {
  const database = await openDatabase();
  await send(database);
  await new Worker(database, [refuse]).work();
  const [message] = await waiting(database);
  expect(message?.last_error).toMatch(/^Error: \uFFFDx{990}\u{1F375}/u);
  expect(message?.last_error?.isWellFormed()).toBe(true);
});

test('metrics count what was handled, what failed and what was given up', async () => {
  const database = await openDatabase();
  const before = await metrics();
  await send(database);
  await new Worker(database, [fail], { QUEUE_MAX_ATTEMPTS: '1' }).work();
  await send(database);
  await new Worker(database, [new Noted().note]).work();
  const after = await metrics();
  expect(Object.keys(after).map((name) => (after[name] ?? 0) - (before[name] ?? 0))).toEqual([1, 1, 1, 1]);
});

test('a message of a worker that died is delivered again after its lease', async () => {
  const database = await openDatabase();
  await send(database);
  const [lost] = (await database.transaction((session) => claim(session, { limit: 1, seconds: 10 }))) ?? [];
  expect(await new Worker(database, [fail]).work()).toBe(0);
  passTime(11);
  expect(await new Worker(database, [fail]).work()).toBe(1);
  // A worker without the lease changes nothing.
  expect(await database.transaction((session) => remove(session, lost ? [lost] : []))).toBe(false);
});

test('later messages of a subject wait for the worker that has an earlier one', async () => {
  const database = await openDatabase();
  const noted = new Noted();
  await sendTo(database, ['cup', 'other', 'cup']);
  await database.transaction((session) => claim(session, { limit: 1, seconds: 10 }));
  await new Worker(database, [noted.note]).work();
  expect(noted.numbers).toEqual([1]);
  passTime(11);
  const worker = new Worker(database, [noted.note]);
  while ((await worker.work()) > 0);
  expect(noted.numbers).toEqual([1, 0, 2]);
});

test('several workers handle each message once, and those of a subject in their order', async () => {
  const database = await openDatabase();
  const noted = new Noted();
  const subjects = Array.from({ length: 60 }, (_, number) => `cup-${number % 5}`);
  await sendTo(database, subjects);
  const handle = async (session: Session, event: Event): Promise<void> => {
    await sleep(Math.random() * 3);
    await noted.note(session, event);
  };
  const workers = [1, 2, 3].map(() => new Worker(database, [handle], { QUEUE_BATCH_SIZE: '4' }));
  while ((await waiting(database)).length > 0) await Promise.all(workers.map((worker) => worker.work()));
  expect(noted.numbers.toSorted((a, b) => Number(a) - Number(b))).toEqual(subjects.map((_, number) => number));
  for (const subject of new Set(subjects)) {
    const numbers = noted.events.filter((event) => event.subject === subject).map(({ data }) => Number(data['number']));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  }
});

test('the messages of a worker that died are claimed one by one, and given up after some deaths', async () => {
  const database = await openDatabase();
  const claimThenDie = async (): Promise<string[]> => {
    const claimed = await database.transaction((session) => claim(session, { limit: 100, seconds: 10 }));
    return claimed?.map(({ subject }) => subject) ?? [];
  };
  await send(database, 2);
  expect(await claimThenDie()).toEqual(['cup-0', 'cup-1']);
  passTime(11);
  await sendTo(database, ['new', 'newer']);
  expect(await claimThenDie()).toEqual(['cup-0']);
  expect(await claimThenDie()).toEqual(['cup-1']);
  expect(await claimThenDie()).toEqual(['new', 'newer']);
  passTime(11);
  const noted = new Noted();
  const worker = new Worker(database, [noted.note], { QUEUE_MAX_ATTEMPTS: '2' });
  while ((await worker.work()) > 0);
  expect(noted.subjects).toEqual(['new', 'newer']);
  const died = { state: 'dead', last_error: 'Error: the worker process died while handling this message' };
  expect(await waiting(database)).toMatchObject([died, died]);
});

test.each([false, true])(
  'a worker that has lost a lease handles nothing more of the subject (in batches: %s)',
  async (inBatches) => {
    const database = await openDatabase();
    await sendTo(database, ['cup', 'other', 'cup']);
    const noted = new Noted();
    await sendThief(database);
    const noteAll = async (session: Session, events: readonly Event[]): Promise<void> => {
      for (const event of events) await noted.note(session, event);
    };
    const worker = new Worker(database, []);
    worker.handlers = { 'lease.lost': [stealCup], 'tea.poured': [inBatches ? new BatchHandler(noteAll) : noted.note] };
    expect(await worker.work()).toBe(4);

    expect(noted.numbers).toEqual([1]);
    // What follows was given back. It waits for the worker that has the first message.
    const [stolen, later] = await waiting(database);
    expect(stolen).toMatchObject({ subject: 'cup', attempts: 1 });
    expect(later).toMatchObject({ subject: 'cup', lease: null, attempts: 0 });
    expect(await worker.work()).toBe(0);
  },
);

test('an event whose lease is lost before its handlers are told apart is left alone', async () => {
  const database = await openDatabase();
  await sendTo(database, ['cup']);
  const noted = new Noted();
  const noteToo = (session: Session, event: Event): Promise<void> => noted.note(session, event);
  const worker = new Worker(database, [noted.note, noteToo]);
  await sendThief(database);
  worker.handlers = { ...worker.handlers, 'lease.lost': [stealCup] };
  await worker.work();
  expect(noted.events).toEqual([]);
  expect(await waiting(database)).toHaveLength(1);
});

test('a message whose lease is lost does not count as a dead letter', async () => {
  const database = await openDatabase();
  await send(database);
  const before = await metrics();
  const failAndLose = (): Promise<void> => {
    // The next transaction is that of the dead letter.
    vi.spyOn(database, 'transaction').mockImplementationOnce(async (work) => {
      await database.transaction(({ db }) => db.updateTable('messages').set({ lease: newId() }).execute());
      return database.transaction(work);
    });
    return fail();
  };
  await new Worker(database, [failAndLose], { QUEUE_MAX_ATTEMPTS: '1' }).work();
  expect((await metrics())['dead_letters_total']).toBe(before['dead_letters_total']);
  expect(await waiting(database)).toMatchObject([{ state: 'pending' }]);
});

test('a worker that is told to stop finishes the running handler, and gives back the rest of its batch', async () => {
  const database = await openDatabase();
  const stopping = new AbortController();
  const noted = new Noted();
  const stop = async (session: Session, event: Event): Promise<void> => {
    stopping.abort();
    await sleep(20);
    await noted.note(session, event);
  };
  await send(database, 4);
  const stopped = new Worker(database, [stop]);
  await stopped.queue.consume(stopped.handlers, stopping.signal);
  expect(noted.subjects).toEqual(['cup-0']);
  const left = await waiting(database);
  expect(left).toMatchObject([1, 2, 3].map((number) => ({ subject: `cup-${number}`, lease: null, attempts: 0 })));
  // Another worker has them at once, in their order.
  expect(await new Worker(database, [noted.note]).work()).toBe(3);
  expect(noted.subjects).toEqual(['cup-0', 'cup-1', 'cup-2', 'cup-3']);
});

test('a heartbeat extends the lease of a slow worker', async () => {
  const database = await openDatabase();
  await send(database, 3);
  const ends = new Set<number>();
  const slow = new Worker(database, [beSlow], { QUEUE_LEASE_SECONDS: '1' }).work();
  while ((await waiting(database)).length > 0) {
    for (const { lease, run_at } of await waiting(database)) if (lease !== null) ends.add(run_at.getTime());
    await sleep(50);
  }
  expect(ends.size).toBeGreaterThan(1);
  expect(await slow).toBe(3);
});

test('a worker survives an outage of the database', async () => {
  const database = await openDatabase();
  const stopping = new AbortController();
  await database.transaction(({ db }) => db.schema.alterTable('messages').renameTo('moved').execute());
  const noted = new Noted();
  const worker = new Worker(database, [noted.note]);
  const working = Promise.all([
    worker.queue.run(stopping.signal, { consumes: true }),
    worker.queue.consume(worker.handlers, stopping.signal),
  ]);
  await sleep(50);
  await database.transaction(({ db }) => db.schema.alterTable('moved').renameTo('messages').execute());
  await send(database);
  await eventually(
    () => noted.subjects,
    (subjects) => subjects.length === 1,
  );
  stopping.abort();
  await working;
});

test('a commit wakes the worker of the same process', async () => {
  const variables = await emptyDatabase();
  const database = await openDatabase(variables);
  const stopping = new AbortController();
  const noted = new Noted();
  const worker = new Worker(database, [noted.note], { ...variables, QUEUE_POLL_SECONDS: '3600' });
  const working = Promise.all([
    worker.queue.run(stopping.signal, { consumes: true }),
    worker.queue.consume(worker.handlers, stopping.signal),
  ]);
  for (const count of [1, 2]) {
    await sleep(30);
    await send(database);
    await eventually(
      () => noted.subjects,
      (subjects) => subjects.length === count,
    );
  }
  await eventually(
    () => register.getSingleMetricAsString('outbox_pending'),
    (metric) => metric.includes('outbox_pending 0'),
  );
  stopping.abort();
  await working;
});

test('erasing a user deletes the pending messages and dead letters of the user', async () => {
  const database = await openDatabase();
  await send(database, 2);
  await new Worker(database, [fail], { QUEUE_MAX_ATTEMPTS: '1', QUEUE_BATCH_SIZE: '1' }).work();
  expect((await waiting(database)).map(({ state }) => state)).toEqual(['dead', 'pending']);
  await database.transaction(async (session) => eraseEvents(session, 'somebody else'));
  expect(await waiting(database)).toHaveLength(2);
  await database.transaction(async (session) => eraseEvents(session, 'ada'));
  expect(await waiting(database)).toEqual([]);
});

/** Publish an event that is handled before all others; `stealCup` is its handler. */
async function sendThief(database: Database): Promise<void> {
  await database.transaction(async (session) => {
    await publish(session, { type: 'lease.lost', subject: 'thief', data: {} }, '');
    await session.db.updateTable('messages').set({ event_id: FIRST }).where('type', '=', 'lease.lost').execute();
  });
}

/** Give the lease of the first message with the subject `cup` to another worker. */
async function stealCup({ db }: Session): Promise<void> {
  const cups = db.selectFrom('messages').select('id').where('subject', '=', 'cup').orderBy('event_id').limit(1);
  const { id } = await cups.executeTakeFirstOrThrow();
  await db.updateTable('messages').set({ lease: newId() }).where('id', '=', id).execute();
}

async function beSlow(): Promise<void> {
  await sleep(400);
}

function refuse(): Promise<void> {
  return Promise.reject(new Error(`\0${'x'.repeat(990)}\u{1F375}\u{1F375}`));
}

/** A batch handler that notes its batches. */
class Batches {
  readonly subjects: string[][] = [];
  readonly handler: BatchHandler;

  constructor(work?: (session: Session, events: readonly Event[]) => Promise<void>) {
    this.handler = new BatchHandler(async (session, events) => {
      this.subjects.push(events.map(({ subject }) => subject));
      await work?.(session, events);
    });
  }
}

async function addJob({ db }: Session, name: string): Promise<void> {
  await db.insertInto('scheduled_jobs').values({ name, due_at: new Date() }).execute();
}

function jobs(database: Database): Promise<string[]> {
  return database.read(async ({ db }) => {
    const rows = await db.selectFrom('scheduled_jobs').select('name').orderBy('name').execute();
    return rows.map(({ name }) => name);
  });
}

/** What the counters of messages say. */
async function metrics(): Promise<Record<string, number>> {
  const text = await register.metrics();
  const value = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? 0);
  return {
    handled: value(/^messages_handled_total\{result="ok",type="tea.poured"\} (\d+)/m),
    failed: value(/^messages_handled_total\{result="failed",type="tea.poured"\} (\d+)/m),
    outbox_published_total: value(/^outbox_published_total (\d+)/m),
    dead_letters_total: value(/^dead_letters_total\{type="tea.poured"\} (\d+)/m),
  };
}
