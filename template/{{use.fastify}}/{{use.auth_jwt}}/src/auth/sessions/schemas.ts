/** Request and response bodies of login sessions. */

import { Type } from 'typebox';

import { Email, NewPassword, Password } from '../users/schemas.ts';

export const Registration = Type.Object(
  { email: Email, password: NewPassword },
  { $id: 'Registration', additionalProperties: false },
);

export const Login = Type.Object({ email: Email, password: Password }, { $id: 'Login', additionalProperties: false });

export const Refresh = Type.Object(
  { refresh_token: Type.String({ maxLength: 200, examples: ['zq3W8o…'] }) },
  { $id: 'Refresh', additionalProperties: false },
);

export const TokenPair = Type.Object(
  {
    access_token: Type.String(),
    refresh_token: Type.String(),
    token_type: Type.Literal('Bearer'),
    expires_in: Type.Integer({ description: 'Seconds until the access token expires.' }),
  },
  { $id: 'TokenPair' },
);

const JsonWebKey = Type.Object({
  kty: Type.String(),
  crv: Type.String(),
  x: Type.String(),
  y: Type.String(),
  kid: Type.String(),
  use: Type.String(),
  alg: Type.String(),
});

export const JsonWebKeySet = Type.Object({ keys: Type.Array(JsonWebKey) }, { $id: 'JsonWebKeySet' });

export const sessionSchemas = [Registration, Login, Refresh, TokenPair, JsonWebKeySet];
