/** The catalogue of error codes: the HTTP status, the title and the meaning of each. */

export interface ProblemDescription {
  status: number;
  title: string;
  meaning: string;
}

export const PROBLEMS = {
  malformed_json: problem(400, 'The body is not JSON', 'The request body could not be parsed.'),
  invalid_cursor: problem(400, 'The cursor is not valid', 'Start again without a cursor.'),
  invalid_parameter: problem(400, 'A parameter is not valid', '`errors` names each invalid parameter.'),
  unauthenticated: problem(401, 'Authentication is required', 'The credentials are missing or not valid.'),
  token_expired: problem(401, 'The token has expired', 'Refresh the access token and try again.'),
  invalid_credentials: problem(401, 'The credentials are not valid', 'Email and password do not match.'),
  permission_denied: problem(403, 'Permission denied', 'The caller lacks the permission of this route.'),
  not_found: problem(404, 'Not found', 'There is no such resource, or it belongs to another user.'),
  method_not_allowed: problem(405, 'Method not allowed', '`Allow` lists the methods of this resource.'),
  request_timeout: problem(408, 'The request did not arrive in time', 'Send it faster, or send a smaller one.'),
  conflict: problem(409, 'Conflict with another resource', 'A value that must be unique is taken.'),
  invalid_state: problem(409, 'Not possible in this state', 'The state of the resource does not allow this.'),
  idempotency_in_progress: problem(409, 'The first request is still running', 'Try again soon.'),
  precondition_failed: problem(412, 'The resource has changed', 'Read it again, then repeat the change.'),
  payload_too_large: problem(413, 'The body is too large', 'Send a smaller body.'),
  unsupported_media_type: problem(415, 'The media type is not supported', 'Send `application/json`.'),
  validation_failed: problem(422, 'The request is not valid', '`errors` points to each invalid field of the body.'),
  idempotency_key_reused: problem(422, 'The idempotency key is taken', 'The key was used with another body.'),
  precondition_required: problem(428, 'A precondition is required', 'Send `If-Match` with the `ETag`.'),
  rate_limited: problem(429, 'Too many requests', 'Try again after `Retry-After` seconds.'),
  internal_error: problem(500, 'Internal error', 'Search the logs for the request id to find the cause.'),
  unavailable: problem(503, 'Temporarily unavailable', 'Try again after `Retry-After` seconds.'),
  overloaded: problem(503, 'Overloaded', 'Try again after `Retry-After` seconds.'),
} as const satisfies Record<string, ProblemDescription>;

export type ProblemCode = keyof typeof PROBLEMS;

export function isProblemCode(text: string): text is ProblemCode {
  return Object.hasOwn(PROBLEMS, text);
}

function problem(status: number, title: string, meaning: string): ProblemDescription {
  return { status, title, meaning };
}
