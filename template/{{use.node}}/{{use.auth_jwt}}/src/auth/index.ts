/** Authentication: accounts, and access tokens (JWT) that this service signs. */

import type { Command } from '../command.ts';
import type { Job } from '../jobs/index.ts';
import { keyCommands } from './commands.ts';
import { purgeSessions } from './sessions/repository.ts';
import { userCommands } from './users/commands.ts';

export const authCommands: Record<string, Command> = { ...userCommands, ...keyCommands };
export const authJobs: Job[] = [{ name: 'purge_sessions', everySeconds: 3600, run: purgeSessions }];

export { seedUsers } from './seed.ts';
