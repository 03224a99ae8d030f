import { ServiceError } from './errors.ts';

/** The versions that a request may change; undefined for any version. */
export type Versions = ReadonlySet<number> | undefined;

/**
 * Optimistic locking: refuse a change that is based on another version.
 *
 * @throws precondition_failed
 */
export function checkVersion(version: number, expected: Versions): void {
  if (expected !== undefined && !expected.has(version)) {
    throw new ServiceError('precondition_failed', 'The resource has changed since that version');
  }
}
