"""What can go wrong, in the words of the domain. `web/errors.py` alone knows the HTTP status of each."""

from typing import ClassVar


class AppError(Exception):
    """A refusal that the caller may read. `detail` is one sentence and holds nothing internal."""

    code: ClassVar[str]

    def __init__(self, detail: str, *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after
        """Seconds after which the same request may succeed."""


class InvalidCursor(AppError):
    code = "invalid_cursor"


class InvalidParameter(AppError):
    code = "invalid_parameter"


class NotFound(AppError):
    code = "not_found"


class Conflict(AppError):
    code = "conflict"


class InvalidState(AppError):
    code = "invalid_state"


class IdempotencyInProgress(AppError):
    code = "idempotency_in_progress"


class IdempotencyKeyReused(AppError):
    code = "idempotency_key_reused"


class PreconditionFailed(AppError):
    code = "precondition_failed"


class PreconditionRequired(AppError):
    code = "precondition_required"


class UnsupportedMediaType(AppError):
    code = "unsupported_media_type"
