import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    // Starts the servers that the tests need, and stops them.
    globalSetup: ['tests/databases.ts'],
    // The log lines of requests would hide the report.
    silent: 'passed-only',
    // Some tests start processes, and the machine may be busy.
    testTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
    coverage: {
      provider: 'v8',
      include: ['src/**'],
      // Tests run these in processes and threads of their own, which are not measured.
      exclude: [
        'src/main.ts',
        'src/cluster.ts',
        'src/worker.ts',
        'src/cli.ts',
        'src/lifecycle.ts',
        'src/**/thread.ts',
        '**/tables.ts',
      ],
      reporter: ['text'],
      thresholds: { lines: 90, branches: 90, functions: 90, statements: 90 },
    },
  },
});
