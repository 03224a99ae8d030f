/** What a command is: features have some, and `cli.ts` lists them all. */

import type { Settings } from './config/index.ts';

/** A command cannot be carried out. The message says why. */
export class CommandError extends Error {}

export interface Command {
  about: string;
  /** What follows the name of the command; in brackets if it is optional. */
  argument?: string;
  /** Asked before the command runs, unless `--yes` is given. */
  question?: string;
  /** @param argument empty if it is not given */
  run: (settings: Settings, argument: string) => Promise<void>;
}

/** Write a line of data. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
