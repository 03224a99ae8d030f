/** The keys that sign and verify access tokens. Keys are rotated by configuration. */

import { createECDH, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';

import {
  calculateJwkThumbprint,
  errors,
  exportJWK,
  type JWTPayload,
  type JWTVerifyOptions,
  jwtVerify,
  SignJWT,
} from 'jose';

import type { Settings } from '../config/index.ts';

const ALGORITHM = 'ES256';
const DEVELOPMENT_SECRET = 'for development only';

export interface Claims extends JWTPayload {
  sub: string;
  /** The session. */
  sid: string;
  exp: number;
}

/** A verifying key as a JSON Web Key (RFC 7517). */
export type PublicKey = Record<'kty' | 'crv' | 'x' | 'y' | 'kid' | 'use' | 'alg', string>;

type KeysById = ReadonlyMap<string, { key: KeyObject; jwk: PublicKey }>;

/** The key that signs tokens, and the keys that verify them. */
export class KeyRing {
  readonly #signingKey: KeyObject;
  readonly #verifyingKeys: KeyObject[];
  readonly #settings: Settings;
  #byId: Promise<KeysById> | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#signingKey = settings.authPrivateKey ?? developmentKey();
    this.#verifyingKeys = [createPublicKey(this.#signingKey), ...settings.authRetiredKeys];
  }

  /** The first one belongs to the signing key. */
  async publicKeys(): Promise<PublicKey[]> {
    return [...(await this.#keys()).values()].map(({ jwk }) => jwk);
  }

  /** A token with these claims, plus the issuer and the audience. */
  async sign(claims: JWTPayload): Promise<string> {
    const [kid = ''] = (await this.#keys()).keys();
    const { authIssuer: iss, authAudience: aud } = this.#settings;
    return new SignJWT({ iss, aud, ...claims }).setProtectedHeader({ alg: ALGORITHM, kid }).sign(this.#signingKey);
  }

  /**
   * The claims of a token.
   *
   * @throws JWTExpired if the token has expired, JOSEError if it is not valid
   */
  async verify(token: string): Promise<Claims> {
    const keys = await this.#keys();
    const options: JWTVerifyOptions = {
      algorithms: [ALGORITHM],
      issuer: this.#settings.authIssuer,
      audience: this.#settings.authAudience,
      requiredClaims: ['exp', 'iat', 'sub', 'sid'],
    };
    const { payload } = await jwtVerify(
      token,
      ({ kid = '' }) => {
        const found = keys.get(kid);
        if (found === undefined) throw new errors.JWKSNoMatchingKey();
        return found.key;
      },
      options,
    );
    return payload as Claims;
  }

  /** By key id, which is the thumbprint (RFC 7638). */
  #keys(): Promise<KeysById> {
    return (this.#byId ??= Promise.all(
      this.#verifyingKeys.map(async (key) => {
        const { kty = '', crv = '', x = '', y = '' } = await exportJWK(key);
        const kid = await calculateJwkThumbprint({ kty, crv, x, y });
        return [kid, { key, jwk: { kty, crv, x, y, kid, use: 'sig', alg: ALGORITHM } }] as const;
      }),
    ).then((entries) => new Map(entries)));
  }
}

/** A new private key in PEM form. */
export function generatePem(): string {
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  return privateKey;
}

/** A key that everybody knows. It is made of a text, and not stored, because scanners report keys in source code. */
function developmentKey(): KeyObject {
  const secret = Buffer.alloc(32);
  secret.write(DEVELOPMENT_SECRET);
  const pair = createECDH('prime256v1');
  pair.setPrivateKey(secret);
  const point = pair.getPublicKey();
  const d = secret.toString('base64url');
  const x = point.toString('base64url', 1, 33);
  const y = point.toString('base64url', 33);
  return createPrivateKey({ key: { kty: 'EC', crv: 'P-256', d, x, y }, format: 'jwk' });
}
