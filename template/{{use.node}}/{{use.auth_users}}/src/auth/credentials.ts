/** What an account needs. */

import { EMAIL } from '../email.ts';

export interface Credentials {
  email: string;
  password: string;
}

export const EMAIL_LENGTH = 254;
export const PASSWORD_LENGTH = { minimum: 10, maximum: 128 };

/** Accounts have their address in lower case, so that nobody can register it twice. */
export function normalized(email: string): string {
  return email.toLowerCase();
}

/** What is wrong with the credentials of a new account; undefined if nothing is. */
export function problemOf({ email, password }: Credentials): string | undefined {
  const { minimum, maximum } = PASSWORD_LENGTH;
  if (email.length > EMAIL_LENGTH || !EMAIL.test(email)) return 'the email is not valid';
  // In characters, as the schema of a request counts them.
  const length = Array.from(password).length;
  if (length < minimum || length > maximum) return `the password must have ${minimum} to ${maximum} characters`;
  return undefined;
}
