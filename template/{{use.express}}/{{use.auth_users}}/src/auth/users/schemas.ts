/** Request and response bodies of users. */

import * as z from 'zod';

import { EMAIL } from '../../email.ts';
import { ROLES } from '../../permissions.ts';
import { pageOf } from '../../web/pagination.ts';
import { Id, Moment, sized } from '../../web/schemas.ts';
import { EMAIL_LENGTH, PASSWORD_LENGTH } from '../credentials.ts';
import type { User } from './repository.ts';

const { minimum: min, maximum: max } = PASSWORD_LENGTH;

export const Email = z
  .string()
  .max(EMAIL_LENGTH)
  .refine((value) => EMAIL.test(value), 'Invalid email address')
  .meta({ format: 'email', examples: ['ada@example.com'] });
export const Password = sized(z.string(), { max }).meta({ examples: ['correct horse battery'] });
export const NewPassword = sized(z.string(), { min, max }).meta({ examples: ['correct horse battery'] });

const Role = z.enum(ROLES);

export const PasswordChange = z
  .strictObject({ current_password: Password, new_password: NewPassword })
  .meta({ id: 'PasswordChange' });

export const UserPatch = z.strictObject({ disabled: z.boolean().exactOptional() }).meta({
  id: 'UserPatch',
  description: 'A merge patch (RFC 7396): fields that are absent do not change.',
  example: { disabled: true },
});

export const RoleAssignment = z
  .strictObject({
    roles: z
      .array(Role)
      .max(ROLES.length)
      .meta({ examples: [['member']] }),
  })
  .meta({ id: 'RoleAssignment' });

export const UserParams = z.object({ user_id: Id });

export const UserRead = z
  .object({
    id: Id,
    email: z.string(),
    roles: z.array(Role),
    disabled: z.boolean(),
    created_at: Moment,
    updated_at: Moment,
  })
  .meta({ id: 'UserRead' });
export type UserRead = z.infer<typeof UserRead>;

export const UserExport = z
  .object({ user: UserRead, data: z.record(z.string(), z.array(z.looseObject({}))) })
  .meta({ id: 'UserExport', description: 'A user, and everything that the service stores of it, by feature.' });

export const UserPage = pageOf('UserPage', UserRead);

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
