"""Data protection: how each feature exports and erases the data that it stores about a user."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from app.database import Session


@dataclass(frozen=True, slots=True)
class PersonalData:
    """The personal data of one feature. `export` is None if other features already export all of it."""

    name: str
    erase: Callable[[Session, str], Awaitable[None]]
    """Delete all data of the user with this subject."""
    export: Callable[[Session, str], Awaitable[list[dict[str, Any]]]] | None = None
    """All data of the user with this subject, as JSON objects."""
