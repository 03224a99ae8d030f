/** Request and response bodies of users. */

import { type Static, Type } from 'typebox';

import { ROLES } from '../../permissions.ts';
import { pageOf } from '../../web/pagination.ts';
import { ref } from '../../web/schemas.ts';
import { EMAIL_LENGTH, PASSWORD_LENGTH } from '../credentials.ts';
import type { User } from './repository.ts';

export const Email = Type.String({ format: 'email', maxLength: EMAIL_LENGTH, examples: ['ada@example.com'] });
export const Password = Type.String({ maxLength: PASSWORD_LENGTH.maximum, examples: ['correct horse battery'] });
export const NewPassword = Type.String({
  minLength: PASSWORD_LENGTH.minimum,
  maxLength: PASSWORD_LENGTH.maximum,
  examples: ['correct horse battery'],
});

const Role = Type.Enum([...ROLES]);
const Moment = Type.String({ format: 'date-time' });

export const PasswordChange = Type.Object(
  { current_password: Password, new_password: NewPassword },
  { $id: 'PasswordChange', additionalProperties: false },
);

export const UserPatch = Type.Object(
  { disabled: Type.Optional(Type.Boolean()) },
  {
    $id: 'UserPatch',
    additionalProperties: false,
    description: 'A merge patch (RFC 7396): fields that are absent do not change.',
    example: { disabled: true },
  },
);

export const RoleAssignment = Type.Object(
  { roles: Type.Array(Role, { maxItems: ROLES.length, examples: [['member']] }) },
  { $id: 'RoleAssignment', additionalProperties: false },
);

export const UserParams = Type.Object({ user_id: Type.String({ format: 'uuid' }) });

export const UserRead = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    email: Type.String(),
    roles: Type.Array(Role),
    disabled: Type.Boolean(),
    created_at: Moment,
    updated_at: Moment,
  },
  { $id: 'UserRead' },
);
export type UserRead = Static<typeof UserRead>;

export const UserExport = Type.Object(
  {
    user: ref(UserRead),
    data: Type.Record(Type.String(), Type.Array(Type.Object({}, { additionalProperties: true }))),
  },
  { $id: 'UserExport', description: 'A user, and everything that the service stores of it, by feature.' },
);

export const UserPage = pageOf('UserPage', ref(UserRead));

export const userSchemas = [PasswordChange, UserPatch, RoleAssignment, UserRead, UserExport, UserPage];

/** A user as the API shows it. */
export function representUser(user: User): UserRead {
  return {
    id: user.id,
    email: user.email,
    roles: user.roles,
    disabled: user.disabled,
    created_at: user.created_at.toISOString(),
    updated_at: user.updated_at.toISOString(),
  };
}
