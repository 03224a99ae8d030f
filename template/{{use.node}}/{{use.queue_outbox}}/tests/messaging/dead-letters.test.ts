import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

import { expect, test, vi } from 'vitest';

import { newId } from '../../src/clock.ts';
import { messagingCommands } from '../../src/messaging/index.ts';
import type { MessageRow } from '../../src/messaging/tables.ts';
import { openDatabase, testSettings } from '../services.ts';
import { emptyDatabase } from '../databases.ts';
import { fail, Noted, send, waiting } from './messages.ts';
import { Worker } from './workers.ts';

test('dead letters are listed, the oldest first', async () => {
  const { run, messages } = await twoDeadLetters();
  const lines = (await run('list')).split('\n');
  expect(lines.map((line) => line.split('  '))).toEqual(
    messages.map(({ id, created_at }) => [id, created_at.toISOString(), 'tea.poured', 'Error: the pot is empty']),
  );
});

test('one is shown with the event and the last error', async () => {
  const { run, messages } = await twoDeadLetters();
  const [first] = messages;
  expect(JSON.parse(await run('show', first?.id))).toEqual({
    attempts: 1,
    last_error: 'Error: the pot is empty',
    request_id: null,
    traceparent: null,
    event: JSON.parse(first?.event ?? '') as unknown,
  });
});

test('one or all are sent to the worker again', async () => {
  const { run, messages, database } = await twoDeadLetters();
  expect(await run('redrive', messages[1]?.id)).toBe('1 sent');
  expect(await run('redrive')).toBe('1 sent');
  expect((await waiting(database)).map(({ attempts }) => attempts)).toEqual([0, 0]);
  expect(await new Worker(database, [new Noted().note]).work()).toBe(2);
});

test.each(['show', 'redrive'])('%s reports an unknown id', async (command) => {
  const { run } = await twoDeadLetters();
  await expect(run(command, newId())).rejects.toThrow('there is no such dead letter');
});

test('the command line passes the id on, and reports an unknown one in one line', async () => {
  const { variables, messages } = await twoDeadLetters();
  const [first, second] = messages;
  const shown = await runProcess(variables, 'show', first?.id ?? '');
  expect(JSON.parse(shown.stdout)).toMatchObject({ event: { id: first?.event_id } });
  const sent = { exitCode: 0, stdout: '1 sent\n', stderr: '' };
  expect(await runProcess(variables, 'redrive', second?.id ?? '')).toEqual(sent);
  expect(await runProcess(variables, 'redrive')).toEqual(sent);
  const unknown = { exitCode: 1, stdout: '', stderr: 'error: there is no such dead letter\n' };
  expect(await runProcess(variables, 'show', newId())).toEqual(unknown);
});

async function runProcess(variables: NodeJS.ProcessEnv, ...words: string[]) {
  const env = { PATH: process.env['PATH'], APP_ENV: 'test', ...variables };
  const cli = spawn(process.execPath, ['src/cli.ts', 'dead-letters', ...words], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([text(cli.stdout), text(cli.stderr)]);
  if (cli.exitCode === null) await once(cli, 'exit');
  return { exitCode: cli.exitCode, stdout, stderr };
}

async function twoDeadLetters() {
  const variables = await emptyDatabase();
  const database = await openDatabase(variables);
  await send(database, 2);
  await new Worker(database, [fail], { QUEUE_MAX_ATTEMPTS: '1' }).work();
  const messages: MessageRow[] = await waiting(database);
  const run = async (name: string, id = ''): Promise<string> => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    try {
      await messagingCommands[`dead-letters ${name}`]?.run(await testSettings(variables), id);
      return write.mock.calls
        .map(([line]) => String(line))
        .join('')
        .trimEnd();
    } finally {
      write.mockRestore();
    }
  };
  return { database, messages, run, variables };
}
