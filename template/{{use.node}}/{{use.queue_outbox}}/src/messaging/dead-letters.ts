/** Commands for dead letters: messages whose handler failed too often. */

import { type Command, CommandError, print } from '../command.ts';
import type { Settings } from '../config/index.ts';
import { Database, type Session } from '../database.ts';
import { findDead, listDead, redrive } from './repository.ts';

export const deadLetterCommands: Record<string, Command> = {
  'dead-letters list': {
    about: 'List dead letters, the oldest first',
    run: (settings) =>
      inTransaction(settings, async (session) => {
        for (const { id, created_at, type, last_error } of await listDead(session)) {
          print(`${id}  ${created_at.toISOString()}  ${type}  ${last_error}`);
        }
      }),
  },
  'dead-letters show': {
    about: 'Show one dead letter as JSON',
    argument: 'ID',
    run: (settings, id) => inTransaction(settings, (session) => show(session, id)),
  },
  'dead-letters redrive': {
    about: 'Send one dead letter, or all of them, to the worker again',
    argument: '[ID]',
    run: (settings, id) =>
      inTransaction(settings, async (session) => {
        const count = await redrive(session, id);
        if (id !== '' && count === 0) throw new CommandError('there is no such dead letter');
        print(`${count} sent`);
      }),
  },
};

async function show(session: Session, id: string): Promise<void> {
  const message = await findDead(session, id);
  if (message === undefined) throw new CommandError('there is no such dead letter');
  const { attempts, last_error, request_id, traceparent, event } = message;
  const shown = { attempts, last_error, request_id, traceparent, event: JSON.parse(event) as unknown };
  print(JSON.stringify(shown, null, 2));
}

async function inTransaction(settings: Settings, work: (session: Session) => Promise<void>): Promise<void> {
  const database = new Database(settings);
  try {
    await database.transaction(work);
  } finally {
    await database.close();
  }
}
