"""Request and response bodies of login sessions."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from app.auth.users.schemas import Email, Password
from app.schemas import RequestBody


class Login(RequestBody):
    email: Email
    password: Password


class Refresh(RequestBody):
    refresh_token: Annotated[str, StringConstraints(max_length=200), Field(examples=["zq3W8o…"])]


class TokenPair(BaseModel):
    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  # the name of a scheme
    expires_in: int
    """Seconds until the access token expires."""


class JsonWebKeySet(BaseModel):
    keys: list[dict[str, str]]
