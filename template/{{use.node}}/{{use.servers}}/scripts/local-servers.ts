/** What the scripts share that start a server for development. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const START_SECONDS = 60;
const STOP_SECONDS = 30;
const POLL_MS = 50;

/** Stops a server. */
export type Stop = () => Promise<void>;

/** A server cannot be started. */
export class LocalServerError extends Error {
  readonly hint: string;

  constructor(problem: string, hint: string) {
    super(problem);
    this.hint = hint;
  }
}

/** Run the command in the arguments of this script while a server runs. Exit with the code of the command. */
export async function runWith(start: () => Promise<Stop>): Promise<void> {
  const [program = '', ...args] = process.argv.slice(2);
  try {
    const stop = await start();
    try {
      process.exitCode = await run(program, args);
    } finally {
      await stop();
    }
  } catch (error) {
    if (!(error instanceof LocalServerError)) throw error;
    process.stderr.write(`error: ${error.message}\n\nhint: ${error.hint}\n`);
    process.exitCode = 1;
  }
}

interface ServerOptions {
  /** The file that gets its output. */
  log: string;
  title: string;
  /** Whether it accepts connections. */
  isReady: () => Promise<boolean>;
  /** The signal that stops it. */
  signal?: NodeJS.Signals;
  /** Who runs it, if not the user of this script. */
  user?: { uid: number; gid: number } | undefined;
}

/** Start a server, and wait until it is ready. @throws LocalServerError */
export async function startServer(program: string, args: string[], options: ServerOptions): Promise<Stop> {
  const { log, title, isReady, signal = 'SIGTERM', user } = options;
  const output = openSync(log, 'a');
  // In a process group of its own: Ctrl-C ends the command first, and then this script stops the server.
  const child = spawn(program, args, {
    cwd: '/',
    detached: true,
    stdio: ['ignore', output, output],
    ...(user !== undefined && { uid: user.uid, gid: user.gid }),
  });
  const stop = (): Promise<void> => end(child, signal);
  const deadline = performance.now() + START_SECONDS * 1000;
  while (!(await isReady())) {
    if (child.exitCode !== null || performance.now() > deadline) {
      await stop();
      throw new LocalServerError(`${title} did not start`, `see ${log}`);
    }
    await sleep(POLL_MS);
  }
  return stop;
}

/** Start a service of compose.yaml. False without Docker, or if it fails. */
export function startContainer(service: string): boolean {
  const args = ['compose', 'up', '--quiet-pull', '--detach', '--wait', service];
  return spawnSync('docker', args, { stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

async function run(program: string, args: string[]): Promise<number> {
  const command = spawn(program, args, { stdio: 'inherit' });
  // Ctrl-C reaches the command, too. The server must stop after it.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => command.kill('SIGTERM'));
  const [code, signal] = (await once(command, 'exit')) as [number | null, NodeJS.Signals | null];
  return code ?? (signal === 'SIGINT' ? 130 : 143);
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_SECONDS * 1000);
  child.kill(signal);
  await once(child, 'exit');
  clearTimeout(timer);
}
