import { randomUUIDv7 } from 'node:crypto';

export function now(): Date {
  return new Date();
}

/** A UUID version 7: it starts with the time, so that indexes stay compact. */
export function newId(): string {
  return randomUUIDv7();
}
