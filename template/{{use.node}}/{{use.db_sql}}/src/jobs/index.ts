/** Scheduled jobs: each job runs once per tick, however many workers there are. */

import { now } from '../clock.ts';
import type { Database, Session } from '../database.ts';
import { tryLock } from '../dialect.ts';
import { pause } from '../lifecycle.ts';
import { log } from '../logs.ts';
import * as metrics from '../metrics.ts';

const POLL_SECONDS = 5;

/** Work that is due at each tick: every multiple of `everySeconds` since 1970, in UTC. */
export interface Job {
  name: string;
  everySeconds: number;
  /** Does the work, or a part of it, in one transaction. True if the job must run again in this tick. */
  run: (session: Session) => Promise<boolean>;
}

/** Run each job when it is due, until the signal is aborted. */
export async function runJobs(database: Database, jobs: readonly Job[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const job of jobs) {
      while (!signal.aborted && (await tryToRun(database, job)));
    }
    await pause(POLL_SECONDS, signal);
  }
}

/** Run the job, unless this or another worker has done it in this tick. False if there was nothing to do. */
export async function runIfDue(database: Database, job: Job): Promise<boolean> {
  return database.transaction(async (session) => {
    // The job stays locked until it is done. A second worker skips it.
    if (!(await claimDue(session, job))) return false;
    if (await job.run(session)) await setDue(session, job.name, now());
    return true;
  });
}

async function tryToRun(database: Database, job: Job): Promise<boolean> {
  try {
    if (!(await runIfDue(database, job))) return false;
    metrics.jobs.inc({ job: job.name, result: 'ok' });
    return true;
  } catch (error) {
    // The next poll tries again.
    metrics.jobs.inc({ job: job.name, result: 'failed' });
    log.error({ job: job.name, error }, 'job failed');
    return false;
  }
}

/** If a job is due and no other worker runs it, move it to its next tick. A new job is due at once. */
async function claimDue(session: Session, job: Job): Promise<boolean> {
  if (!(await tryLock(session, `job\0${job.name}`))) return false;
  const { db } = session;
  const scheduled = await db.selectFrom('scheduled_jobs').selectAll().where('name', '=', job.name).executeTakeFirst();
  if (scheduled === undefined) {
    await db
      .insertInto('scheduled_jobs')
      .values({ name: job.name, due_at: nextTick(job) })
      .execute();
    return true;
  }
  if (scheduled.due_at > now()) return false;
  await setDue(session, job.name, nextTick(job));
  return true;
}

async function setDue(session: Session, name: string, due_at: Date): Promise<void> {
  await session.db.updateTable('scheduled_jobs').set({ due_at }).where('name', '=', name).execute();
}

function nextTick(job: Job): Date {
  const every = job.everySeconds * 1000;
  return new Date((Math.floor(now().getTime() / every) + 1) * every);
}
