"""What routes ask for: a principal who has a permission, and a session to read or to write with."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.permissions import Permission, Principal
from app.errors import Refusal


class Require(SecurityBase):
    """A dependency that asks for a permission. Routes without one must be on the list of public routes."""

    model = HTTPBearer(bearerFormat="JWT")
    scheme_name = "bearer"

    def __init__(self, permission: Permission | None) -> None:
        self.permission = permission

    def admit(self, request: Request) -> Principal:
        """Raises: unauthenticated, token_expired, permission_denied"""
        principal: Principal | Refusal = request.scope["principal"]
        if isinstance(principal, Refusal):
            raise principal
        if self.permission and not principal.may(self.permission):
            raise Refusal("permission_denied", f"This needs the permission {self.permission}")
        return principal


class _CurrentPrincipal(Require):
    async def __call__(self, request: Request) -> Principal:
        return self.admit(request)


def require(permission: Permission | None) -> Any:
    """A parameter that is the principal, who has this permission; with `None`, whoever is logged in."""
    return Security(_CurrentPrincipal(permission))


async def _read(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.database.reading() as session:
        yield session


async def _write(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.database.transaction() as session:
        yield session


# The scope makes the transaction end before the response is sent: what was answered is stored.
ReadSession = Annotated[AsyncSession, Depends(_read, scope="function")]
WriteSession = Annotated[AsyncSession, Depends(_write, scope="function")]
