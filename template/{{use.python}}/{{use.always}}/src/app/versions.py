"""Optimistic locking: a change names the versions of the resource that it was made for."""

from collections.abc import Collection

from app.errors import DomainError


def check_version(version: int, expected: Collection[int] | None) -> None:
    """Refuse a change that was made for another version. `expected` is None when any version will do.

    Raises: precondition_failed
    """
    if expected is not None and version not in expected:
        raise DomainError("precondition_failed", "The resource has changed since that version")
