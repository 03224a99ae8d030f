"""Dependencies of routes: the principal, a permission, and a database session for reads or writes."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, Request

from app import context
from app.auth.provider import Authenticator
from app.auth.scheme import SecurityScheme
from app.database import Session
from app.errors import DomainError
from app.permissions import Permission, Principal


class _CurrentPrincipal(SecurityScheme):
    async def __call__(self) -> Principal:
        """Raises: unauthenticated, token_expired"""
        identity = context.current().identity
        if isinstance(identity, Principal):
            return identity
        if identity is None:
            raise DomainError("unauthenticated", "The request has no principal")
        raise identity


current_principal = _CurrentPrincipal()
"""The principal of the request. Tests replace it with `app.dependency_overrides[current_principal]`."""

CurrentPrincipal = Annotated[Principal, Depends(current_principal)]


def require(permission: Permission) -> Any:
    """A dependency that returns the principal. It raises `permission_denied` if the permission is missing."""

    async def permitted(principal: CurrentPrincipal) -> Principal:
        if not principal.may(permission):
            raise DomainError("permission_denied", f"This needs the permission {permission}")
        return principal

    return Depends(permitted)


async def _read(request: Request) -> AsyncIterator[Session]:
    async with request.app.state.database.reading() as session:
        yield session


async def _read_stale(request: Request) -> AsyncIterator[Session]:
    async with request.app.state.database.reading(stale_ok=True) as session:
        yield session


async def _write(request: Request) -> AsyncIterator[Session]:
    async with request.app.state.database.transaction() as session:
        yield session


# The scope "function" commits before the response is sent: a success response means that the change is stored.
ReadSession = Annotated[Session, Depends(_read, scope="function")]
StaleReadSession = Annotated[Session, Depends(_read_stale, scope="function")]
"""For lists, which may lack the latest changes: a read replica may answer. Never decide with it what is allowed."""
WriteSession = Annotated[Session, Depends(_write, scope="function")]


async def _authenticator(request: Request) -> Authenticator:
    authenticator: Authenticator = request.app.state.authenticator
    return authenticator


AuthenticatorDep = Annotated[Authenticator, Depends(_authenticator)]
