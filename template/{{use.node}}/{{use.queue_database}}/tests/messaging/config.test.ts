import { expect, test } from 'vitest';

import { readSettings } from '../../src/config/index.ts';

test('the queue has defaults', () => {
  expect(readSettings({})).toMatchObject({
    queueBatchSize: 100,
    queueLeaseSeconds: 10,
    queueMaxAttempts: 8,
    queuePollSeconds: 1,
  });
});

test.each([
  ['QUEUE_BATCH_SIZE', '0'],
  ['QUEUE_BATCH_SIZE', '1001'],
  ['QUEUE_LEASE_SECONDS', '0.5'],
  ['QUEUE_MAX_ATTEMPTS', '1.5'],
  ['QUEUE_POLL_SECONDS', '0'],
])('%s=%s is refused', (name, value) => {
  expect(() => readSettings({ [name]: value })).toThrow(`${name}: `);
});
