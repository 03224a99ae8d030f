"""Reads and writes users."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app import clock, dialect
from app.auth.users.models import Grant, User
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
        self.session.add(user)
        try:
            await self.session.flush()
        except IntegrityError as error:
            if dialect.violated_constraint(error) == "uq_users_email":
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
        # Two statements: a single one could read the roles as they were before it waited for the lock.
        await self.session.execute(select(User.id).where(User.id == user_id).with_for_update())
        statement = select(User).where(User.id == user_id).execution_options(populate_existing=True)
        return (await self.session.scalars(statement)).unique().one_or_none()

    async def find_by_email(self, email: str) -> User | None:
        return (await self.session.scalars(select(User).where(User.email == email))).unique().one_or_none()

    async def page(self, query: PageQuery) -> Slice[User]:
        """Newest first.

        Raises: invalid_cursor
        """
        return await newest_first(self.session, select(User), query, User.created_at, User.id)

    async def lock_admins(self) -> set[UUID]:
        """The ids of the admins who can log in, locked until the transaction ends.

        Call this before locking a single user: transactions that lock the same users in different orders may deadlock.
        """
        admins = (
            select(User.id)
            .join(Grant, Grant.user_id == User.id)
            .where(Grant.role == Role.ADMIN, User.disabled.is_(False))
            .order_by(User.id)
            .with_for_update()
        )
        return set(await self.session.scalars(admins))

    async def set_roles(self, user: User, roles: Collection[Role]) -> None:
        """Give a user exactly these roles."""
        missing = set(roles) - set(user.roles)
        user.grants = [grant for grant in user.grants if grant.role in roles]
        user.grants += [Grant(role=role) for role in sorted(missing)]
        await self.save(user)

    async def save(self, user: User) -> None:
        """Store what has changed."""
        # A change of roles changes no column of the user. The new time makes it a new version of the user.
        user.updated_at = clock.now()
        await self.session.flush()

    async def remove(self, user: User) -> None:
        await self.session.delete(user)
        await self.session.flush()


def new_user(email: str, password_hash: str, role: Role) -> User:
    return User(email=email, password_hash=password_hash, disabled=False, grants=[Grant(role=role)])


def _found(user: User | None) -> User:
    if user is None:
        raise DomainError("not_found", "There is no such user")
    return user
