/** A worker process whose handler notes what it handles in the table `notes`, and dies of the subject `poison`. */

import { setTimeout as sleep } from 'node:timers/promises';

import { sql } from 'kysely';

import { settingsOrExit } from '../../src/config/index.ts';
import { Database } from '../../src/database.ts';
import { stopSignal } from '../../src/lifecycle.ts';
import { Queue } from '../../src/messaging/index.ts';

const settings = settingsOrExit();
const database = new Database(settings);
const queue = new Queue(settings, database);
const stopping = new AbortController();
const stopped = stopSignal(settings.shutdownGraceSeconds).then(() => stopping.abort());
process.stdout.write('ready\n');
await Promise.all([
  queue.consume(
    {
      'tea.poured': [
        async function takeNote({ db }, { subject, data }): Promise<void> {
          if (subject === 'poison') process.kill(process.pid, 'SIGKILL');
          await sleep(Number(process.env['HANDLER_MS'] ?? 0));
          const earlier = await sql`select place from notes where subject = ${subject}`.execute(db);
          const note = sql.join([subject, earlier.rows.length, data['number']]);
          await sql`insert into notes (subject, place, number) values (${note})`.execute(db);
        },
      ],
    },
    stopping.signal,
  ),
  stopped,
]);
await database.close();
