"""Accounts for development."""

from app.auth.users import service
from app.auth.users.models import User
from app.auth.users.repository import Users
from app.auth.users.schemas import Registration
from app.database import Database
from app.permissions import Principal, Role

PASSWORD = "for development"  # noqa: S105  # the command refuses to run in production
ADMIN, MEMBER = "admin@example.com", "member@example.com"


async def seed(database: Database) -> tuple[Principal, list[str]]:
    """Create an admin and a member, unless they exist. Returns the member, and lines to print."""
    await _create_unless_exists(database, ADMIN, Role.ADMIN)
    member = await _create_unless_exists(database, MEMBER, Role.MEMBER)
    principal = Principal(str(member.id), frozenset({Role.MEMBER}))
    return principal, [f"Log in as {ADMIN} or {MEMBER} with the password {PASSWORD!r}"]


async def _create_unless_exists(database: Database, email: str, role: Role) -> User:
    async with database.reading() as session:
        user = await Users(session).find_by_email(email)
    return user or await service.create(database, Registration(email=email, password=PASSWORD), role)
