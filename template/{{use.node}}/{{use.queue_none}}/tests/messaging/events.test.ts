import { expect, test, vi } from 'vitest';

import { log } from '../../src/logs.ts';
import { publish } from '../../src/messaging/events.ts';
import { Queue } from '../../src/messaging/index.ts';
import { openDatabase, testSettings } from '../services.ts';

const event = { type: 'tea.poured', subject: 'cup', data: {} };

test('an event is logged after the commit', async () => {
  const database = await openDatabase();
  const info = vi.spyOn(log, 'info').mockImplementation(() => undefined);
  await database.transaction(async (session) => {
    await publish(session, event, 'ada');
    expect(info).not.toHaveBeenCalled();
  });
  expect(info).toHaveBeenCalledExactlyOnceWith(event, 'event');
  info.mockRestore();
});

test('an event of a rolled back transaction is not logged', async () => {
  const database = await openDatabase();
  const info = vi.spyOn(log, 'info').mockImplementation(() => undefined);
  const failing = database.transaction(async (session) => {
    await publish(session, event, 'ada');
    throw new Error('rolled back');
  });
  await expect(failing).rejects.toThrow('rolled back');
  expect(info).not.toHaveBeenCalled();
  info.mockRestore();
});

test('a worker waits until it is told to stop, because there is nothing to consume', async () => {
  const queue = new Queue(await testSettings(), await openDatabase());
  const stopping = new AbortController();
  const consuming = queue.consume({}, stopping.signal);
  stopping.abort();
  await consuming;
  await queue.consume({}, stopping.signal);
  await queue.run(stopping.signal, { consumes: true });
});
