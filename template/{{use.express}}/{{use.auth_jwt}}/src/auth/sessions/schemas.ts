/** Request and response bodies of login sessions. */

import * as z from 'zod';

import { sized } from '../../web/schemas.ts';
import { Email, NewPassword, Password } from '../users/schemas.ts';

export const Registration = z.strictObject({ email: Email, password: NewPassword }).meta({ id: 'Registration' });

export const Login = z.strictObject({ email: Email, password: Password }).meta({ id: 'Login' });

const RefreshToken = sized(z.string(), { max: 200 }).meta({ examples: ['zq3W8o…'] });

export const Refresh = z.strictObject({ refresh_token: RefreshToken }).meta({ id: 'Refresh' });

export const TokenPair = z
  .object({
    access_token: z.string(),
    refresh_token: z.string(),
    token_type: z.literal('Bearer'),
    expires_in: z.int().meta({ description: 'Seconds until the access token expires.' }),
  })
  .meta({ id: 'TokenPair' });

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
