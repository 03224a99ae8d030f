"""Optimistic locking: a change names the version of the resource that it is based on."""

from collections.abc import Collection

from app.errors import DomainError


def check_version(version: int, expected: Collection[int] | None) -> None:
    """Refuse a change that is based on another version. `expected` is None if any version is accepted.

    Raises: precondition_failed
    """
    if expected is not None and version not in expected:
        raise DomainError("precondition_failed", "The resource has changed since that version")
