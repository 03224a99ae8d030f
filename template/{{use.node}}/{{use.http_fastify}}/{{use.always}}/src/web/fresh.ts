/** Conditional reads (RFC 9110): `If-None-Match`. */

import { etag } from './conditional.ts';

/** Whether the caller has this version already. The response is then 304. */
export function isCurrent(ifNoneMatch: string | undefined, version: number): boolean {
  if (ifNoneMatch === undefined) return false;
  const tags = ifNoneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.some((tag) => tag === '*' || tag === etag(version));
}
