/** Commands for keys. */

import type { Command } from '../command.ts';
import { generatePem } from './keys.ts';

export const keyCommands: Record<string, Command> = {
  'generate-key': {
    about: 'Print a new private key for AUTH_PRIVATE_KEY',
    // The environment of production is not valid before it has the key.
    ignoresEnvironment: true,
    run: async () => void process.stdout.write(generatePem()),
  },
};
