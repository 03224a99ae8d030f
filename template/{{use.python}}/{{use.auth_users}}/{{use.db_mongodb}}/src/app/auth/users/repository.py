"""Reads and writes users."""

from collections.abc import Collection
from uuid import UUID

from pymongo.errors import DuplicateKeyError

from app.auth.users.models import User
from app.database import Session
from app.errors import DomainError
from app.keyset import newest_first
from app.pagination import PageQuery, Slice
from app.permissions import Role


class Users:
    """All users."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def add(self, user: User) -> None:
        """Raises: conflict"""
        try:
            await self.session.insert(user)
        except DuplicateKeyError as error:
            if "email" in (error.details or {}).get("keyPattern", {}):
                raise DomainError("conflict", "The email is taken") from error
            raise

    async def get(self, user_id: UUID) -> User:
        """Raises: not_found"""
        return _found(await self.session.get(User, user_id))

    async def get_for_update(self, user_id: UUID) -> User:
        """A user, locked until the transaction ends.

        Raises: not_found
        """
        return _found(await self.lock(user_id))

    async def lock(self, user_id: UUID) -> User | None:
        """A user, locked until the transaction ends; None if it does not exist."""
        return await self.session.lock(User, {"_id": user_id})

    async def find_by_email(self, email: str) -> User | None:
        return await self.session.find_one(User, {"email": email})

    async def page(self, query: PageQuery) -> Slice[User]:
        """Newest first.

        Raises: invalid_cursor
        """
        return await newest_first(self.session, User, {}, query)

    async def lock_admins(self) -> set[UUID]:
        """The ids of the admins who can log in, locked until the transaction ends."""
        return await self.session.lock_all(User, {"roles": Role.ADMIN, "disabled": False})

    async def set_roles(self, user: User, roles: Collection[Role]) -> None:
        """Give a user exactly these roles."""
        user.roles = sorted(roles)
        await self.save(user)

    async def save(self, user: User) -> None:
        """Store what has changed."""
        await self.session.save(user)

    async def remove(self, user: User) -> None:
        await self.session.delete(User, {"_id": user.id})


def new_user(email: str, password_hash: str, role: Role) -> User:
    return User(email=email, password_hash=password_hash, roles=[role])


def _found(user: User | None) -> User:
    if user is None:
        raise DomainError("not_found", "There is no such user")
    return user
