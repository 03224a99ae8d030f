/** Data protection: how each feature exports and erases the data that it stores about a user. */

import type { Database, Session } from './database.ts';

/** The personal data of one feature. `subject` identifies the user. */
export interface PersonalData {
  name: string;
  /** Delete all data of the user. */
  erase: (session: Session, subject: string) => Promise<void>;
  /** All data of the user, as objects for JSON. Absent if other features already export all of it. */
  export?: (database: Database, subject: string) => AsyncIterable<unknown>;
}
