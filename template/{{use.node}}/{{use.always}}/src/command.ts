/** A command of the command line. `cli.ts` has the list. */

import type { Settings } from './config/index.ts';

export interface Command {
  about: string;
  /** The name of the argument that the command needs. */
  argument?: string;
  /** The name of the option that the command needs. */
  option?: string;
  /** Asked before the command runs, unless `--yes` is given. */
  question?: string;
  /** Whether the command gets the default settings, and not those of the environment, which may be incomplete yet. */
  ignoresEnvironment?: boolean;
  /** @param value of the argument or the option */
  run: (settings: Settings, value: string) => Promise<void>;
}

/** A command cannot be carried out. The message says why. */
export class CommandError extends Error {}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
