/** What a command is: features have some, and `cli.ts` lists them all. */

import type { Settings } from './config/index.ts';

/** A command cannot be carried out. The message says why. */
export class CommandError extends Error {}

export interface Command {
  about: string;
  /** What follows the name of the command; in brackets if it is optional. */
  argument?: string;
  /** The name of the option that the command needs in place of an argument. */
  option?: string;
  /** Asked before the command runs, unless `--yes` is given. */
  question?: string;
  /** Whether the command gets the default settings, and not those of the environment, which may be incomplete yet. */
  ignoresEnvironment?: boolean;
  /** @param value of the argument or the option; empty if it is not given */
  run: (settings: Settings, value: string) => Promise<void>;
}

/** Write a line of data. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
