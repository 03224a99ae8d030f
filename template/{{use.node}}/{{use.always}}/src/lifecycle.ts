/** How processes start to listen, and how they stop. */

import cluster from 'node:cluster';
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
 *
 * In a cluster, SIGHUP tells that another process has taken the place of this one.
 */
export function stopSignal(graceSeconds: number): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let stopping = false;
    const handle = (signal: NodeJS.Signals, number: number): void => {
      // A terminal or a service manager may signal all processes of a cluster, and then its primary does, too.
      if (stopping && cluster.isWorker) return;
      if (stopping) process.exit(128 + number);
      stopping = true;
      setTimeout(() => {
        process.stderr.write('error: the process did not stop within SHUTDOWN_GRACE_SECONDS\n');
        process.exit(EXIT_KILLED);
      }, graceSeconds * 1000).unref();
      resolve(signal);
    };
    process.on('SIGTERM', handle);
    process.on('SIGINT', handle);
    if (cluster.isWorker) process.on('SIGHUP', handle);
  });
}

/** Return after some time, or at once when the signal is aborted. */
export async function pause(seconds: number, signal: AbortSignal): Promise<void> {
  await sleep(seconds * 1000, undefined, { signal }).catch(() => undefined);
}
