/** How processes start to listen, and how they stop. */

import { setTimeout as sleep } from 'node:timers/promises';

/** The exit code of a process that did not stop within the grace period. */
const EXIT_KILLED = 1;

/** Wait until a server listens. If the port is taken, end the process and name the environment variable to change. */
export async function listeningOrExit(listening: Promise<unknown>, port: number, variable: string): Promise<void> {
  try {
    await listening;
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    const hint = `set HOST or ${variable}, or stop the process that listens there`;
    process.stderr.write(`error: cannot listen on port ${port}: ${reason}\n\nhint: ${hint}\n`);
    process.exit(1);
  }
}

/**
 * Resolves at the first SIGTERM or SIGINT. The second signal ends the process at once; so does the end of the grace
 * period, even if something still runs. Nothing is lost: open transactions roll back.
 */
export function stopSignal(graceSeconds: number): Promise<void> {
  return new Promise((resolve) => {
    let stopping = false;
    const handle = (_signal: NodeJS.Signals, number: number): void => {
      if (stopping) process.exit(128 + number);
      stopping = true;
      setTimeout(() => {
        process.stderr.write('error: the process did not stop within SHUTDOWN_GRACE_SECONDS\n');
        process.exit(EXIT_KILLED);
      }, graceSeconds * 1000).unref();
      resolve();
    };
    process.on('SIGTERM', handle);
    process.on('SIGINT', handle);
  });
}

/** Return after some time, or at once when the signal is aborted. */
export async function pause(seconds: number, signal: AbortSignal): Promise<void> {
  await sleep(seconds * 1000, undefined, { signal }).catch(() => undefined);
}
