import { sql } from 'kysely';
import { expect, test } from 'vitest';

import { isDuplicate, isMisconfigured, isOutage, tryLock } from '../src/dialect.ts';
import { addJob, failureOf, failureWith, jobs, openTwice } from './database-work.ts';
import { openDatabase } from './services.ts';

test('the server cancels a statement that takes too long', async () => {
  const database = await openDatabase({ DATABASE_STATEMENT_TIMEOUT_SECONDS: '0.1' });
  // A sleep alone is interrupted without an error.
  const slow = sql`select count(*) from information_schema.columns where sleep(1) = 0`;
  const failure = await failureOf(database.read(({ db }) => slow.execute(db)));
  expect(failure).toMatchObject({
    errno: expect.toSatisfy((errno: number) => [1969, 3024].includes(errno)) as unknown,
  });
  expect(isOutage(failure)).toBe(true);
});

test.each(['commit', 'rollback'])('a lock is held until the %s of its transaction', async (end) => {
  const [database, other] = await openTwice();
  const gate = Promise.withResolvers<void>();
  const taken = Promise.withResolvers<boolean>();
  const holding = database.transaction(async (session) => {
    taken.resolve(await tryLock(session, 'key'));
    await gate.promise;
    if (end === 'rollback') throw new Error('no');
  });
  expect(await taken.promise).toBe(true);
  expect(await other.transaction((session) => tryLock(session, 'key'))).toBe(false);
  gate.resolve();
  await holding.catch(() => undefined);
  expect(await other.transaction((session) => tryLock(session, 'key'))).toBe(true);
});

test('texts differ by case, accents and trailing spaces', async () => {
  const database = await openDatabase();
  const names = ['tea', 'Tea', 'téa', 'tea ', '🍵'];
  await database.transaction(async ({ db }) => {
    for (const name of names) await addJob(db, name);
  });
  expect((await jobs(database)).toSorted()).toEqual(names.toSorted());
});

test('a value that does not fit is refused', async () => {
  const database = await openDatabase();
  await expect(database.transaction(({ db }) => addJob(db, 'x'.repeat(101)))).rejects.toThrow('too long');
});

test.each([
  ["Duplicate entry 'for key 'x'' for key 'uq_t_email'", true],
  ["Duplicate entry 'a' for key 't.uq_t_email'", true],
  ["Duplicate entry '1' for key 'PRIMARY'", false],
])('the violated constraint is found in: %s', (message, isExpected) => {
  const error = Object.assign(new Error(message), { errno: 1062, sqlState: '23000' });
  expect(isDuplicate(error, 't', ['email'])).toBe(isExpected);
});

test('a wrong password cannot be used', async () => {
  expect(isMisconfigured(await failureWith({ password: 'unknown' }))).toBe(true);
});

test('a server without TLS is an outage where the URL requires it', async () => {
  // The file need not be a certificate: it is read before.
  expect(isOutage(await failureWith({ search: `?ssl_ca=${import.meta.filename}` }))).toBe(true);
});
