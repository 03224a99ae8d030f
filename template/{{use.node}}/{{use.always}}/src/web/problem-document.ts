/** Problem documents (RFC 9457): the body of every error. */

import { now } from '../clock.ts';
import { isOutage } from '../dialect.ts';
import { type InvalidValue, ServiceError } from '../errors.ts';
import { log } from '../logs.ts';
import { type ProblemCode, PROBLEMS } from '../problems.ts';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

export interface ProblemDocument {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: ProblemCode;
  request_id: string;
  timestamp: string;
  errors?: InvalidValue[];
}

export function problemDocument(error: ServiceError, instance: string, requestId: string): ProblemDocument {
  const { status, title, meaning } = PROBLEMS[error.code];
  return {
    type: `/problems/${error.code}`,
    title,
    status,
    detail: error.detail ?? meaning,
    instance,
    code: error.code,
    request_id: requestId,
    timestamp: now().toISOString(),
    ...(error.facts.errors && { errors: error.facts.errors }),
  };
}

/** @param hasCredentials whether the request has an `Authorization` header */
export function problemHeaders({ code, facts }: ServiceError, hasCredentials: boolean): Record<string, string> {
  const { status } = PROBLEMS[code];
  const retryAfter = facts.retryAfter ?? (status === 503 ? 1 : undefined);
  return {
    'content-type': PROBLEM_MEDIA_TYPE,
    ...(status === 401 && { 'www-authenticate': challenge(code, hasCredentials) }),
    ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
    ...facts.headers,
  };
}

/** RFC 6750: the challenge has an error code only if the request has a token and the token is refused. */
function challenge(code: ProblemCode, hasCredentials: boolean): string {
  return hasCredentials && code !== 'invalid_credentials' ? 'Bearer error="invalid_token"' : 'Bearer';
}

/** The error that the caller may see in place of an unexpected one. It does not reveal the cause. */
export function concealed(error: unknown, path: string): ServiceError {
  if (isOutage(error)) {
    log.warn({ reason: String(error) }, 'database unavailable');
    return new ServiceError('unavailable', 'The database does not answer');
  }
  log.error({ path, error }, 'request failed');
  return new ServiceError('internal_error');
}
