/** Compiles the service after each change, and serves what was compiled: `npm run dev`. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

// What `npm run build` starts. Not by npm: it would not pass the signal on.
const build = ['-p', 'tsconfig.build.json', '--incremental', '--tsBuildInfoFile', 'dist/.tsbuildinfo'];
const compiler = start('tsc', [...build, '--watch', '--preserveWatchOutput']);
const service = start(process.execPath, ['--watch', '--enable-source-maps', 'dist/main.js']);

// Ctrl-C reaches all of them, and other signals only this process.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => service.kill('SIGTERM'));
await once(service, 'exit');
compiler.kill('SIGTERM');

function start(program: string, args: string[]): ChildProcess {
  return spawn(program, args, { stdio: 'inherit' });
}
