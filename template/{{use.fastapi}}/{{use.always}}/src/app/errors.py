"""What can go wrong, in the words of the domain. `web/errors.py` alone knows the HTTP status of each."""

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


class Refusal(Exception):
    """Tells the caller why not. `detail` is one sentence and holds nothing internal."""

    def __init__(self, code: Code, detail: str, *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.retry_after = retry_after
        """Seconds after which the same request may succeed."""
