import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, expect, test, vi } from 'vitest';

import { readSettings, settingsOrExit } from '../src/config/index.ts';
import { SECRETS } from './secrets.ts';

afterEach(() => void vi.unstubAllEnvs());

test('without variables, the service runs for development', () => {
  expect(readSettings({})).toMatchObject({
    isProduction: false,
    host: '127.0.0.1',
    port: 8000,
    metricsPort: 0,
    logFormat: 'console',
    docsEnabled: true,
    embeddedWorker: true,
    rateLimitDefault: { limit: 600, seconds: 60 },
  });
});

test('production has its own defaults', () => {
  expect(readSettings({ APP_ENV: 'production', ...SECRETS })).toMatchObject({
    isProduction: true,
    metricsPort: 9464,
    logFormat: 'json',
    docsEnabled: false,
    embeddedWorker: false,
    shutdownDelaySeconds: 1,
  });
});

test('an empty variable counts as unset', () => {
  expect(readSettings({ PORT: '', METRICS_PORT: '' })).toMatchObject({ port: 8000, metricsPort: 0 });
});

test('a value may come from a file', () => {
  const file = path.join(tmpdir(), `port-${process.pid}`);
  writeFileSync(file, '8123\n');
  expect(readSettings({ PORT_FILE: file }).port).toBe(8123);
  expect(() => readSettings({ PORT_FILE: '/no/such/file' })).toThrow('PORT_FILE: /no/such/file cannot be read');
});

test.each([
  ['PORT', '80a'],
  ['PORT', '65536'],
  ['MAX_CONCURRENCY', '0'],
  ['MAX_CONCURRENCY', '1.5'],
  ['WORKERS', '0'],
  ['BODY_TIMEOUT_SECONDS', '-1'],
  ['MAX_UPLOAD_BYTES', '1'],
  ['APP_ENV', 'staging'],
  ['DOCS_ENABLED', 'yes'],
  ['ALLOWED_HOSTS', 'a.*.example.com'],
  ['TRUSTED_PROXIES', '10.0.0.0/99'],
  ['TRUSTED_PROXIES', 'proxy'],
  ['RATE_LIMIT_DEFAULT', '600'],
  ['RATE_LIMIT_DEFAULT', '0/minute'],
  ['SHUTDOWN_DELAY_SECONDS', '20'],
  ['DATABASE_URL', 'redis://localhost/app'],
])('%s=%s is refused', (name, value) => {
  expect(() => readSettings({ [name]: value })).toThrow(`${name}: `);
});

test('all problems are named in one run', () => {
  expect(() => readSettings({ PORT: 'a', LOG_LEVEL: 'b' })).toThrow(/PORT: .*; LOG_LEVEL: /);
});

test('APP_ENV must be set to listen on other addresses than loopback', () => {
  expect(() => readSettings({ HOST: '0.0.0.0' })).toThrow('APP_ENV: must be set to listen on 0.0.0.0');
  expect(readSettings({ HOST: '0.0.0.0', APP_ENV: 'test' }).host).toBe('0.0.0.0');
  expect(readSettings({ HOST: '::1' }).host).toBe('::1');
});

test('a variable that is not valid ends the process with one line', () => {
  vi.stubEnv('PORT', 'eighty');
  const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  // Vitest turns the end of the process into an error.
  expect(() => settingsOrExit()).toThrow('78');
  expect(stderr).toHaveBeenCalledExactlyOnceWith('error: PORT: must be an integer, from 0 to 65535\n');
  stderr.mockRestore();

  vi.stubEnv('PORT', '8123');
  expect(settingsOrExit().port).toBe(8123);
});

test.each([
  ['203.0.113.9', ['203.0.113.9']],
  ['10.0.0.0/8, fd00::/8', ['10.0.0.0/8', 'fd00::/8']],
])('the proxies %s are trusted', (proxies, networks) => {
  expect(readSettings({ TRUSTED_PROXIES: proxies }).trustedProxies).toEqual(networks);
});
