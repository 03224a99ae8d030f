/** Logs: one JSON object per line, or readable lines for a terminal. */

import { type DestinationStream, pino } from 'pino';

import type { Settings } from './config/index.ts';
import { loggedFacts } from './context.ts';

const REDACTED = '[redacted]';
const SECRET = /password|token|secret|authorization|cookie|private_key/i;

/** The log of this process. Every module writes to it; `configureLogs` sets its level and its format. */
export const log = createLog({ write: (line) => append(asJson ? line : readable(line)) });

let asJson = true;
/** Lines that are not written yet. */
let pending = '';

export function configureLogs(settings: Pick<Settings, 'logLevel' | 'logFormat'>): void {
  log.level = settings.logLevel === 'warning' ? 'warn' : settings.logLevel;
  asJson = settings.logFormat === 'json';
}

/** Write the lines of one turn of the event loop together: each write is a call of the system. */
function append(line: string): void {
  if (pending === '') setImmediate(writePending);
  pending += line;
}

function writePending(): void {
  process.stdout.write(pending);
  pending = '';
}

process.once('exit', writePending);

export function createLog(destination: DestinationStream) {
  return pino(
    {
      base: null,
      messageKey: 'event',
      errorKey: 'error',
      timestamp: () => `,"timestamp":"${new Date().toISOString()}"`,
      formatters: {
        level: (label) => ({ level: label === 'warn' ? 'warning' : label }),
        log: (line) => withoutSecrets(line) as Record<string, unknown>,
      },
      mixin: () => loggedFacts(),
    },
    destination,
  );
}

/** The values of secret keys are redacted, at any depth. What has none is not copied. */
function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== 'object' || value === null || value instanceof Error || value instanceof Date) return value;
  const entries = Object.entries(value);
  if (!entries.some(([key, each]) => typeof each === 'object' || SECRET.test(key))) return value;
  return Object.fromEntries(
    entries.map(([key, each]) => [key, SECRET.test(key) ? REDACTED : withoutSecrets(each)] as const),
  );
}

/** A line for a terminal. */
export function readable(line: string): string {
  const { timestamp, level, event, error, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const facts = Object.entries(rest).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const stack = (error as { stack?: unknown } | undefined)?.stack;
  return `${[timestamp, `[${String(level)}]`, event, ...facts].join(' ')}\n${typeof stack === 'string' ? `${stack}\n` : ''}`;
}
