"""The owner of the example data."""

from app.auth.provider import ANONYMOUS
from app.database import Database
from app.permissions import Principal


async def seed(database: Database) -> tuple[Principal, list[str]]:
    """Returns the owner of the example data, and no lines to print, because there are no accounts."""
    return ANONYMOUS, []
