import type { Role } from '../../permissions.ts';

export interface UserTables {
  users: UserRow;
  grants: Grant;
  audit_log: AuditRow;
}

export interface UserRow {
  id: string;
  /** In lower case. */
  email: string;
  password_hash: string;
  disabled: boolean;
  created_at: Date;
  updated_at: Date;
  version: number;
}

/** A role of a user. */
export interface Grant {
  user_id: string;
  role: Role;
}

/** A change or a login. Entries never change, except that erasing a user removes the user's data from them. */
export interface AuditRow {
  id: string;
  created_at: Date;
  /** The user who acted; null for a command. Not a foreign key, because entries remain after the user is erased. */
  actor_id: string | null;
  /** The user whose data `before` and `after` contain. */
  owner_id: string | null;
  action: string;
  subject: string;
  address: string;
  request_id: string;
  /** JSON. */
  before: string | null;
  /** JSON. */
  after: string | null;
}
