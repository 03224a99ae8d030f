import type { LoggerService } from '@nestjs/common';

import { log } from '../logs.ts';

/** What Nest says goes to the log of the service; what it says of its start, only to those who debug. */
export class NestLogger implements LoggerService {
  log(message: unknown, source?: string): void {
    log.debug({ source }, String(message));
  }

  warn(message: unknown, source?: string): void {
    log.warn({ source }, String(message));
  }

  error(message: unknown, ...facts: unknown[]): void {
    log.error({ source: facts.at(-1), ...(message instanceof Error && { error: message }) }, String(message));
  }
}
