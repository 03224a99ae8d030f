"""Roles, permissions, and the principal: the user for whom a request acts."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    ADMIN = "admin"
    MEMBER = "member"


class Permission(StrEnum):
    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    ORDERS_DELETE = "orders:delete"
    USERS_READ = "users:read"
    USERS_MANAGE = "users:manage"


PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission),
    Role.MEMBER: frozenset({Permission.ORDERS_READ, Permission.ORDERS_WRITE}),
}
"""What each role may do. Review this table before a release."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The user for whom a request acts. `subject` identifies the user; it is empty for an anonymous caller."""

    subject: str
    roles: frozenset[Role]

    @property
    def is_admin(self) -> bool:
        return Role.ADMIN in self.roles

    def may(self, permission: Permission) -> bool:
        return any(permission in PERMISSIONS[role] for role in self.roles)


SERVICE = Principal("", frozenset({Role.ADMIN}))
"""The principal of handlers and commands: the service itself, with every permission."""
