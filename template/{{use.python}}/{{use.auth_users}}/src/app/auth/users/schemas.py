"""Request and response bodies of users."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import email_validator
from pydantic import AfterValidator, EmailStr, Field, StringConstraints

from app.pagination import Page
from app.permissions import Role
from app.schemas import RequestBody, ResponseBody

# Accept addresses under .test, which belong to nobody (RFC 6761): tests of a deployed service need such addresses.
email_validator.TEST_ENVIRONMENT = True

Email = Annotated[EmailStr, StringConstraints(max_length=254, to_lower=True), Field(examples=["ada@example.com"])]
Password = Annotated[str, StringConstraints(max_length=128), Field(examples=["correct horse battery"])]
NewPassword = Annotated[Password, StringConstraints(min_length=10)]


class Registration(RequestBody):
    email: Email
    password: NewPassword


class PasswordChange(RequestBody):
    current_password: Password
    new_password: NewPassword


class UserPatch(RequestBody, json_schema_extra={"example": {"disabled": True}}):
    """A merge patch (RFC 7396): fields that are absent do not change."""

    disabled: bool | None = None


class RoleAssignment(RequestBody):
    roles: Annotated[list[Annotated[Role, Field(strict=False)]], AfterValidator(lambda roles: sorted(set(roles)))] = (
        Field(max_length=len(Role), examples=[["member"]])
    )


class UserRead(ResponseBody):
    id: UUID
    email: str
    roles: list[Role]
    disabled: bool
    created_at: datetime
    updated_at: datetime


class UserExport(ResponseBody):
    """A user, and everything that the service stores of it, by feature."""

    user: UserRead
    data: dict[str, list[dict[str, Any]]]


UserPage = Page[UserRead]
