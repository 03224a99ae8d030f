"""Accounts for development."""

from app.auth.users import service
from app.auth.users.repository import Users
from app.auth.users.schemas import Registration
from app.database import Database
from app.permissions import Principal, Role

PASSWORD = "for development"  # noqa: S105  # the command refuses to run in production
ADMIN, MEMBER = "admin@example.com", "member@example.com"


async def seed(database: Database) -> tuple[Principal, list[str]]:
    """Create an admin and a member, unless they exist. Returns the member, and lines to print."""
    async with database.reading() as session:
        member = await Users(session).find_by_email(MEMBER)
    if member is None:
        await service.create(database, Registration(email=ADMIN, password=PASSWORD), Role.ADMIN)
        member = await service.create(database, Registration(email=MEMBER, password=PASSWORD), Role.MEMBER)
    principal = Principal(str(member.id), frozenset({Role.MEMBER}))
    return principal, [f"Log in as {ADMIN} or {MEMBER} with the password {PASSWORD!r}"]
