/** Commands for users. */

import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';

import { type Command, CommandError, print } from '../../command.ts';
import type { Settings } from '../../config/index.ts';
import { Database } from '../../database.ts';
import { problemOf } from '../credentials.ts';
import { createUser } from './service.ts';

export const userCommands: Record<string, Command> = {
  'create-admin': {
    about: 'Create an admin; ADMIN_PASSWORD has the password, or the command asks for it',
    option: 'email',
    run: createAdmin,
  },
};

async function createAdmin(settings: Settings, email: string): Promise<void> {
  const password = process.env['ADMIN_PASSWORD'] ?? (await askForPassword());
  const problem = problemOf({ email, password });
  if (problem !== undefined) throw new CommandError(problem);
  const database = new Database(settings);
  try {
    const admin = await createUser(database, { email, password }, 'admin');
    print(`${admin.email} is an admin`);
  } finally {
    await database.close();
  }
}

async function askForPassword(): Promise<string> {
  if (!process.stdin.isTTY) throw new CommandError('set ADMIN_PASSWORD, or run this command in a terminal');
  const password = await askHidden('Password: ');
  if ((await askHidden('Repeat it: ')) !== password) throw new CommandError('the passwords differ');
  return password;
}

/** Ask without showing what is typed. */
async function askHidden(question: string): Promise<string> {
  process.stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const prompt = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  const answer = await prompt.question('');
  prompt.close();
  process.stderr.write('\n');
  return answer;
}
