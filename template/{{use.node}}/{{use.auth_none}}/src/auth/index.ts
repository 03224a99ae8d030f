/**
 * Authentication: none. Every request acts for the anonymous principal, which has every permission. Run this service on
 * a private network or behind a gateway that authenticates. Rate limits and idempotency keys are per client address.
 */

import type { Command } from '../command.ts';
import type { Database } from '../database.ts';
import type { Job } from '../jobs/index.ts';
import type { Principal } from '../permissions.ts';
import { ANONYMOUS } from './provider.ts';

export const authCommands: Record<string, Command> = {};
export const authJobs: Job[] = [];

/** The owner of the example data, and lines to print: none, because there are no accounts. */
export function seedUsers(_database: Database): Promise<{ owner: Principal; lines: string[] }> {
  return Promise.resolve({ owner: ANONYMOUS, lines: [] });
}
