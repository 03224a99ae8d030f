/** Notifications between processes: NOTIFY by one, LISTEN by another. */

import { Client } from 'pg';
import { onTestFinished, test } from 'vitest';

import type { Settings } from '../../src/config/index.ts';
import { Notifier } from '../../src/messaging/notifier.ts';
import { announceStored } from '../../src/messaging/stored.ts';
import { testSettings } from '../services.ts';
import { eventually } from './messages.ts';

test('a worker is notified of a message that another process stores', async () => {
  const settings = await testSettings();
  const notifier = start(settings);
  const other = await connect(settings);
  await eventually(
    async () => {
      await other.query('notify messages');
      return secondsOf(notifier);
    },
    (seconds) => seconds < 1,
  );
});

test('a commit that stored a message notifies other processes', async () => {
  const settings = await testSettings();
  start(settings);
  const other = await connect(settings);
  let notifications = 0;
  other.on('notification', () => (notifications += 1));
  await other.query('listen messages');
  await eventually(
    () => {
      announceStored();
      return notifications;
    },
    (count) => count > 0,
  );
});

test('a worker listens again after its connection was lost', async () => {
  const settings = await testSettings();
  const notifier = start(settings);
  const other = await connect(settings);
  const listeners = "from pg_stat_activity where query ~ '^(listen|notify) ' and datname = current_database()";
  await eventually(
    async () => (await other.query(`select count(pg_terminate_backend(pid))::int as ended ${listeners}`)).rows,
    ([row]) => (row as { ended: number }).ended === 1,
  );
  await eventually(
    async () => {
      await other.query('notify messages');
      return secondsOf(notifier);
    },
    (seconds) => seconds < 1,
  );
});

function start(settings: Settings): Notifier {
  const notifier = new Notifier();
  const stopping = new AbortController();
  const running = notifier.run(settings, stopping.signal, { listens: true });
  onTestFinished(async () => {
    stopping.abort();
    await running;
  });
  return notifier;
}

async function connect(settings: Settings): Promise<Client> {
  const client = new Client(settings.databaseUrl);
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** The seconds until a notification; 2 if there is none. */
async function secondsOf(notifier: Notifier): Promise<number> {
  const startedAt = performance.now();
  await notifier.wait(2, new AbortController().signal);
  return (performance.now() - startedAt) / 1000;
}
