"""Who a request acts for, and the permission that its route asks of them."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from app.auth.errors import PermissionDenied
from app.auth.permissions import PERMISSIONS, Permission, Role
from app.errors import AppError


@dataclass(frozen=True, slots=True)
class Principal:
    """A user with a session."""

    id: UUID
    session_id: UUID
    roles: frozenset[Role]

    @property
    def is_admin(self) -> bool:
        return Role.ADMIN in self.roles

    def may(self, permission: Permission) -> bool:
        return any(permission in PERMISSIONS[role] for role in self.roles)


def require(permission: Permission | None) -> Any:
    """A parameter that is the principal, who has this permission; with `None`, whoever is logged in.

    Raises:
        Unauthenticated, TokenExpired, PermissionDenied
    """
    return Security(_CurrentPrincipal(permission))


class Require(SecurityBase):
    """A dependency that asks for a permission. Routes without one must be on the list of public routes."""

    model = HTTPBearer(bearerFormat="JWT")
    scheme_name = "bearer"

    def __init__(self, permission: Permission | None) -> None:
        self.permission = permission

    def admit(self, request: Request) -> Principal:
        """Raises: Unauthenticated, TokenExpired, PermissionDenied."""
        principal: Principal | AppError = request.scope["principal"]
        if isinstance(principal, AppError):
            raise principal
        if self.permission and not principal.may(self.permission):
            raise PermissionDenied(f"This needs the permission {self.permission}")
        return principal


class _CurrentPrincipal(Require):
    async def __call__(self, request: Request) -> Principal:
        return self.admit(request)
