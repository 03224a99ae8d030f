"""Who owns the examples."""

from app.auth.provider import ANONYMOUS
from app.database import Database
from app.permissions import Principal


async def seed(database: Database) -> tuple[Principal, list[str]]:
    """The owner of the examples, and lines to print: there are no accounts."""
    return ANONYMOUS, []
