/** Conditional requests (RFC 9110): `ETag` and `If-Match`. The entity tag is the version of a row. */

import { ServiceError } from '../errors.ts';
import type { Versions } from '../versions.ts';

const STRONG_TAG = /^"(\d{1,15})"$/;

export function etag(version: number): string {
  return `"${version}"`;
}

/** The versions that the request may change. Without the header, any version. */
export function parseIfMatch(ifMatch: string | undefined): Versions {
  const tags = ifMatch?.split(',').map((tag) => tag.trim()) ?? ['*'];
  if (tags.includes('*')) return undefined;
  return new Set(tags.flatMap((tag) => STRONG_TAG.exec(tag)?.[1] ?? []).map(Number));
}

/**
 * The versions that the request may change.
 *
 * @throws precondition_required if the header is absent
 */
export function requireIfMatch(ifMatch: string | undefined): Versions {
  if (ifMatch === undefined) {
    throw new ServiceError('precondition_required', 'Send If-Match with the ETag of the version to change');
  }
  return parseIfMatch(ifMatch);
}
