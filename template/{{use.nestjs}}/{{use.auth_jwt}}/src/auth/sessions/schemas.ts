/** Request and response bodies of login sessions. */

import { z } from 'zod';

import { Email, NewPassword, Password } from '../users/schemas.ts';

export const Registration = z.strictObject({ email: Email, password: NewPassword }).meta({ id: 'Registration' });
export type Registration = z.infer<typeof Registration>;

export const Login = z.strictObject({ email: Email, password: Password }).meta({ id: 'Login' });
export type Login = z.infer<typeof Login>;

export const Refresh = z
  .strictObject({
    refresh_token: z
      .string()
      .max(200)
      .meta({ examples: ['zq3W8o…'] }),
  })
  .meta({ id: 'Refresh' });
export type Refresh = z.infer<typeof Refresh>;

export const TokenPair = z
  .object({
    access_token: z.string(),
    refresh_token: z.string(),
    token_type: z.enum(['Bearer']),
    expires_in: z.int().meta({ description: 'Seconds until the access token expires.' }),
  })
  .meta({ id: 'TokenPair' });
export type TokenPair = z.infer<typeof TokenPair>;

const JsonWebKey = z.object({
  kty: z.string(),
  crv: z.string(),
  x: z.string(),
  y: z.string(),
  kid: z.string(),
  use: z.string(),
  alg: z.string(),
});

export const JsonWebKeySet = z.object({ keys: z.array(JsonWebKey) }).meta({ id: 'JsonWebKeySet' });
export type JsonWebKeySet = z.infer<typeof JsonWebKeySet>;
