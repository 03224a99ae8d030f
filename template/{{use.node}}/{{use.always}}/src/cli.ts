/** Commands for operators and developers: `node dist/cli.js help`. */

import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { start } from 'node:repl';
import { parseArgs } from 'node:util';

import { apiDocument } from './app.ts';
import { authCommands, seedUsers } from './auth/index.ts';
import { backup, restore } from './backups.ts';
import { type Command, CommandError, print } from './command.ts';
import { exitMisconfigured, readSettings, type Settings, settingsOrExit } from './config/index.ts';
import { Database } from './database.ts';
import { isMisconfigured, isOutage, lacksTable } from './dialect.ts';
import { BackupError, ServiceError } from './errors.ts';
import { configureLogs } from './logs.ts';
import { messagingCommands } from './messaging/index.ts';
import { migrateDown, migrateUp, rollback } from './migrate.ts';
import { seedOrders } from './orders/seed.ts';

const COMMANDS: Record<string, Command> = {
  migrate: {
    about: 'Migrate the database to the newest version of the schema',
    run: async (settings) => {
      for (const name of await migrateUp(settings)) print(`Applied ${name}`);
    },
  },
  rollback: {
    about: 'Undo the newest migration',
    question: 'This may delete rows. Continue?',
    run: async (settings) => {
      for (const name of await rollback(settings)) print(`Undid ${name}`);
    },
  },
  seed: { about: 'Store example data', run: seed },
  reset: {
    about: 'Empty the database, then migrate and seed it',
    question: 'This deletes all rows of the database. Continue?',
    run: async (settings) => {
      refuseInProduction(settings);
      await migrateDown(settings);
      await migrateUp(settings);
      await seed(settings);
    },
  },
  backup: {
    about: 'Save the database in a new file, while the service runs',
    argument: 'FILE',
    run: async (settings, file) => {
      if (existsSync(file)) throw new CommandError(`${file} exists`);
      const unfinished = `${file}.unfinished`;
      try {
        await backup(settings, unfinished);
        await rename(unfinished, file);
      } finally {
        await rm(unfinished, { force: true });
      }
    },
  },
  restore: {
    about: 'Replace the database by a backup; stop the service first, and run `migrate` afterwards',
    argument: 'FILE',
    question: 'This replaces all rows of the database by those of the backup. Continue?',
    run: async (settings, file) => {
      if (!existsSync(file)) throw new CommandError(`there is no file ${file}`);
      await restore(settings, file);
    },
  },
  shell: {
    about: 'Open a Node prompt with the database',
    run: async (settings) => {
      const database = new Database(settings);
      const { promise, resolve } = Promise.withResolvers<void>();
      print('`database` is defined: await database.read(({ db }) => db.selectFrom("orders").selectAll().execute())');
      const repl = start();
      repl.context['database'] = database;
      repl.once('exit', resolve);
      await promise;
      await database.close();
    },
  },
  openapi: {
    about: 'Print the OpenAPI document',
    run: async (settings) => print(JSON.stringify(sorted(await apiDocument(settings)), null, 2)),
  },
  ...authCommands,
  ...messagingCommands,
};

await main();

async function main(): Promise<void> {
  const { positionals, isConfirmed, options } = parse();
  const { command, argument } = find(positionals);
  const value = command?.option === undefined ? argument : (options[command.option] ?? '');
  if (command === undefined || (needsValue(command) && value === '')) {
    printHelp();
    process.exitCode = (positionals[0] ?? 'help') === 'help' ? 0 : 2;
    return;
  }
  const settings = command.ignoresEnvironment === true ? readSettings({}) : settingsOrExit();
  // What a command prints is data.
  configureLogs({ ...settings, logLevel: 'error' });
  try {
    if (command.question !== undefined && !isConfirmed) await confirm(command.question);
    await command.run(settings, value);
  } catch (error) {
    process.stderr.write(`error: ${reasonOf(error)}\n`);
    process.exitCode = 1;
  }
}

/** The command that the words name, and its argument. The name of a command of a group has two words. */
function find([first = 'help', second = '', third = '']: string[]): { command: Command | undefined; argument: string } {
  const grouped = COMMANDS[`${first} ${second}`];
  return grouped ? { command: grouped, argument: third } : { command: COMMANDS[first], argument: second };
}

/** An argument in brackets is optional. */
function needsValue({ argument, option }: Command): boolean {
  return option !== undefined || (argument !== undefined && !argument.startsWith('['));
}

interface Arguments {
  positionals: string[];
  isConfirmed: boolean;
  options: Record<string, string>;
}

function parse(): Arguments {
  const names = Object.values(COMMANDS).flatMap(({ option }) => option ?? []);
  const known = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: { ...known, yes: { type: 'boolean' as const } },
    });
    const { yes = false, ...options } = values;
    return { positionals, isConfirmed: yes, options };
  } catch (error) {
    process.stderr.write(`error: ${(error as Error).message}\n`);
    return process.exit(2);
  }
}

/** One line for an expected error: of a command, or of a database that cannot be used. */
function reasonOf(error: unknown): string {
  if (error instanceof CommandError || error instanceof BackupError || error instanceof ServiceError) {
    return error.message;
  }
  if (lacksTable(error)) return 'the database is not migrated: run the command `migrate` first';
  if (isMisconfigured(error)) exitMisconfigured(`DATABASE_URL: ${String(error)}`);
  if (isOutage(error)) return `the database does not answer: ${String(error)}`;
  throw error;
}

async function seed(settings: Settings): Promise<void> {
  refuseInProduction(settings);
  const database = new Database(settings);
  try {
    await database.ping();
    const { owner, lines } = await seedUsers(database);
    for (const line of [...lines, await seedOrders(database, owner)]) print(line);
  } finally {
    await database.close();
  }
}

function refuseInProduction({ isProduction }: Settings): void {
  if (isProduction) throw new CommandError('this command does not run in production');
}

async function confirm(question: string): Promise<void> {
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await prompt.question(`${question} [y/N]: `);
  prompt.close();
  if (!/^y(es)?$/i.test(answer)) throw new CommandError('aborted');
}

function printHelp(): void {
  print('Usage: node dist/cli.js COMMAND [ARGUMENT] [--yes]\n');
  const lines = Object.entries(COMMANDS).map(([name, { about, argument = '', option }]) => ({
    call: `${name} ${option === undefined ? argument : `--${option} ${option.toUpperCase()}`}`,
    about,
  }));
  const width = Math.max(...lines.map(({ call }) => call.length));
  for (const { call, about } of lines) print(`  ${call.padEnd(width)}  ${about}`);
}

/** With the keys of all objects in order, so that the document only changes where the API does. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(entries.map(([key, each]) => [key, sorted(each)] as const));
}
