"""What a feature offers for data protection: to export and to erase what it stores of a user."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from app.database import Session


@dataclass(frozen=True, slots=True)
class PersonalData:
    """The personal data of one feature. `export` is None where all data is in the export of other features."""

    name: str
    erase: Callable[[Session, str], Awaitable[None]]
    """Delete everything of the user with this subject."""
    export: Callable[[Session, str], Awaitable[list[dict[str, Any]]]] | None = None
    """Everything of the user with this subject, as JSON objects."""
