/** Request and response bodies of users. */

import { z } from 'zod';

import { EMAIL } from '../../email.ts';
import { ROLES } from '../../permissions.ts';
import { pageOf } from '../../web/pagination.ts';
import { text } from '../../web/schemas.ts';
import { EMAIL_LENGTH, PASSWORD_LENGTH } from '../credentials.ts';
import type { User } from './repository.ts';

const { minimum, maximum } = PASSWORD_LENGTH;

export const Email = z
  .email({ pattern: EMAIL })
  .max(EMAIL_LENGTH)
  .meta({ examples: ['ada@example.com'] });
export const Password = text(0, maximum).meta({ examples: ['correct horse battery'] });
export const NewPassword = text(minimum, maximum).meta({ examples: ['correct horse battery'] });

const Role = z.enum(ROLES);

export const PasswordChange = z
  .strictObject({ current_password: Password, new_password: NewPassword })
  .meta({ id: 'PasswordChange' });
export type PasswordChange = z.infer<typeof PasswordChange>;

export const UserPatch = z.strictObject({ disabled: z.boolean().exactOptional() }).meta({
  id: 'UserPatch',
  description: 'A merge patch (RFC 7396): fields that are absent do not change.',
  example: { disabled: true },
});
export type UserPatch = z.infer<typeof UserPatch>;

export const RoleAssignment = z
  .strictObject({
    roles: z
      .array(Role)
      .max(ROLES.length)
      .meta({ examples: [['member']] }),
  })
  .meta({ id: 'RoleAssignment' });
export type RoleAssignment = z.infer<typeof RoleAssignment>;

export const UserParams = z.object({ user_id: z.uuid() });
export type UserParams = z.infer<typeof UserParams>;

export const UserRead = z
  .object({
    id: z.uuid(),
    email: z.string(),
    roles: z.array(Role),
    disabled: z.boolean(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
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
