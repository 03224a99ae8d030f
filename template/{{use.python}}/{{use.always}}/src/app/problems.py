"""The catalogue of error codes: the HTTP status, the title and the meaning of each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProblemDescription:
    """The description of one error code."""

    code: str
    status: int
    title: str
    meaning: str


_CATALOGUE = (
    ("malformed_json", 400, "The body is not JSON", "The request body could not be parsed."),
    ("invalid_cursor", 400, "The cursor is not valid", "Start again without a cursor."),
    ("invalid_parameter", 400, "A parameter is not valid", "`errors` names each invalid parameter."),
    ("unauthenticated", 401, "Authentication is required", "The credentials are missing or not valid."),
    ("token_expired", 401, "The token has expired", "Refresh the access token and try again."),
    ("invalid_credentials", 401, "The credentials are not valid", "Email and password do not match."),
    ("permission_denied", 403, "Permission denied", "The caller lacks the permission of this route."),
    ("not_found", 404, "Not found", "There is no such resource, or it belongs to another user."),
    ("method_not_allowed", 405, "Method not allowed", "`Allow` lists the methods of this resource."),
    ("request_timeout", 408, "The body did not arrive in time", "Send it faster, or send a smaller one."),
    ("conflict", 409, "Conflict with another resource", "A value that must be unique is taken."),
    ("invalid_state", 409, "Not possible in this state", "The state of the resource does not allow this."),
    ("idempotency_in_progress", 409, "The first request is still running", "Try again soon."),
    ("precondition_failed", 412, "The resource has changed", "Read it again, then repeat the change."),
    ("payload_too_large", 413, "The body is too large", "Send a smaller body."),
    ("unsupported_media_type", 415, "The media type is not supported", "Send `application/json`."),
    ("validation_failed", 422, "The request is not valid", "`errors` points to each invalid field of the body."),
    ("idempotency_key_reused", 422, "The idempotency key is taken", "The key was used with another body."),
    ("precondition_required", 428, "A precondition is required", "Send `If-Match` with the `ETag`."),
    ("rate_limited", 429, "Too many requests", "Try again after `Retry-After` seconds."),
    ("internal_error", 500, "Internal error", "Search the logs for the request id to find the cause."),
    ("unavailable", 503, "Temporarily unavailable", "Try again after `Retry-After` seconds."),
    ("overloaded", 503, "Overloaded", "Try again after `Retry-After` seconds."),
)

PROBLEMS = {code: ProblemDescription(code, status, title, meaning) for code, status, title, meaning in _CATALOGUE}
