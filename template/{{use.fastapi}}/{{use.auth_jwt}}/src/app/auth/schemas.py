"""What clients send and see."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from app.auth.permissions import Role
from app.web.pagination import Page

Email = Annotated[
    str,
    StringConstraints(max_length=254, to_lower=True, pattern=r"^[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+$"),
    Field(examples=["ada@example.com"]),
]
Password = Annotated[str, StringConstraints(max_length=128), Field(examples=["correct horse battery"])]
NewPassword = Annotated[Password, StringConstraints(min_length=10)]


class Registration(BaseModel, extra="forbid"):
    email: Email
    password: NewPassword


class Login(BaseModel, extra="forbid"):
    email: Email
    password: Password


class Refresh(BaseModel, extra="forbid"):
    refresh_token: Annotated[str, StringConstraints(max_length=200), Field(examples=["zq3W8o…"])]


class RoleAssignment(BaseModel, extra="forbid"):
    roles: Annotated[list[Role], AfterValidator(lambda roles: sorted(set(roles)))] = Field(
        max_length=len(Role), examples=[["member"]]
    )


class TokenPair(BaseModel):
    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  # the name of a scheme
    expires_in: int
    """Seconds until the access token expires."""


class UserRead(BaseModel):
    id: UUID
    email: str
    roles: list[Role]
    created_at: datetime
    updated_at: datetime


class PersonalData(BaseModel):
    """A user, and what belongs to it, by table."""

    user: UserRead
    data: dict[str, list[dict[str, Any]]]


class AuditEntryRead(BaseModel):
    id: UUID
    created_at: datetime
    actor_id: UUID | None
    action: str
    subject: str
    address: str
    request_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class JsonWebKeySet(BaseModel):
    keys: list[dict[str, str]]


UserPage = Page[UserRead]
AuditPage = Page[AuditEntryRead]
