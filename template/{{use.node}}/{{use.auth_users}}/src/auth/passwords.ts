/** Passwords, hashed with argon2id in the thread pool of Node, so that the event loop is not blocked. */

import { argon2, type Argon2Parameters, argon2Sync, randomBytes, timingSafeEqual } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';

import { Slots } from './slots.ts';

type Cost = Pick<Argon2Parameters, 'memory' | 'passes' | 'parallelism'>;

interface Hash {
  cost: Cost;
  salt: Buffer;
  digest: Buffer;
}

/** What OWASP recommends for argon2id: 19 MiB of memory, two iterations. */
const COST: Cost = { memory: 19_456, passes: 2, parallelism: 1 };
const DIGEST_BYTES = 32;
const SALT_BYTES = 16;
/** The form of the reference implementation. */
const STORED = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;
/** What an unknown user is verified against. */
const NOBODY: Hash = { cost: COST, salt: randomBytes(SALT_BYTES), digest: Buffer.alloc(DIGEST_BYTES) };

const derive = promisify(argon2);
/** Each hash occupies a core. The limit leaves one core for other requests. */
const slots = new Slots(Math.max(1, availableParallelism() - 1));

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const digest = await digestOf(password, { cost: COST, salt });
  return `$argon2id$v=19$${written(COST)}$${base64(salt)}$${base64(digest)}`;
}

/** Verify a password. Without a stored hash (unknown user), hash it as well, so that both cases take the same time. */
export async function verifyPassword(password: string, stored: string | undefined): Promise<boolean> {
  const known = stored === undefined ? undefined : parse(stored);
  const { cost, salt, digest } = known ?? NOBODY;
  const isEqual = timingSafeEqual(await digestOf(password, { cost, salt }, digest.length), digest);
  return isEqual && known !== undefined;
}

/** Whether a hash was made with other parameters than new ones, and should be replaced at the next login. */
export function isOutdated(stored: string): boolean {
  return !stored.startsWith(`$argon2id$v=19$${written(COST)}$`);
}

/** Whether this Node can hash: one that is linked to OpenSSL before 3.2 cannot. */
export function canHash(): boolean {
  try {
    argon2Sync('argon2id', { message: '', nonce: Buffer.alloc(8), parallelism: 1, tagLength: 4, memory: 8, passes: 1 });
    return true;
  } catch {
    return false;
  }
}

function digestOf(password: string, { cost, salt }: Omit<Hash, 'digest'>, tagLength = DIGEST_BYTES): Promise<Buffer> {
  return slots.run(() => derive('argon2id', { message: password, nonce: salt, tagLength, ...cost }));
}

function parse(stored: string): Hash | undefined {
  const [, memory, passes, parallelism, salt = '', digest = ''] = STORED.exec(stored) ?? [];
  if (memory === undefined) return undefined;
  return {
    cost: { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) },
    salt: Buffer.from(salt, 'base64'),
    digest: Buffer.from(digest, 'base64'),
  };
}

function written({ memory, passes, parallelism }: Cost): string {
  return `m=${memory},t=${passes},p=${parallelism}`;
}

/** Without padding, as in the form of the reference implementation. */
function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
