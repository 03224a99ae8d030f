"""The errors of the domain. The web layer translates each code to an HTTP status."""

from typing import Literal

Code = Literal[
    "conflict",
    "idempotency_in_progress",
    "idempotency_key_reused",
    "invalid_credentials",
    "invalid_cursor",
    "invalid_state",
    "not_found",
    "permission_denied",
    "precondition_failed",
    "precondition_required",
    "rate_limited",
    "token_expired",
    "unauthenticated",
]


class DomainError(Exception):
    """The service refuses an operation, and may tell the caller why.

    `detail` is one sentence for the caller, without internal facts. `retry_after` is the number of seconds after
    which the same request may succeed.
    """

    def __init__(self, code: Code, detail: str, *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.retry_after = retry_after


class BackupError(Exception):
    """A backup could not be saved or restored. The text says why."""
