import { randomUUIDv7 } from 'node:crypto';

export function now(): Date {
  return new Date();
}

const TAIL = 24;

let lastId = '';

/**
 * A UUID version 7: it starts with the time, so that indexes stay compact. Each one is greater than those before it in
 * this process, also within a millisecond.
 */
export function newId(): string {
  const id = randomUUIDv7();
  lastId = id > lastId ? id : following(lastId);
  return lastId;
}

/** The next UUID: RFC 9562 calls this a monotonic random counter. */
function following(id: string): string {
  const tail = (BigInt(`0x${id.slice(TAIL)}`) + 1n) & 0xffff_ffff_ffffn;
  return id.slice(0, TAIL) + tail.toString(16).padStart(12, '0');
}
