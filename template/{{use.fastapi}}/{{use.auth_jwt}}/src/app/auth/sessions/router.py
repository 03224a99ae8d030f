"""Registration, login and tokens over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.auth.dependencies import AuthenticatorDep
from app.auth.sessions.schemas import JsonWebKeySet, Login, Refresh, TokenPair
from app.auth.sessions.service import Sessions
from app.auth.users.schemas import Registration, UserRead
from app.web.conditional import etag
from app.web.openapi import raises

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])
keys_router = APIRouter(tags=["auth"])


async def _sessions(request: Request, authenticator: AuthenticatorDep) -> Sessions:
    return Sessions(request.app.state.settings, request.app.state.database, authenticator)


SessionsDep = Annotated[Sessions, Depends(_sessions)]


@router.post(
    "/register", operation_id="register", status_code=201, openapi_extra=raises("permission_denied", "conflict")
)
async def register(body: Registration, sessions: SessionsDep, response: Response) -> UserRead:
    """Register as a member. Closed in production, unless `AUTH_REGISTRATION=open`."""
    user = await sessions.register(body)
    response.headers["Location"] = "/api/v1/users/me"
    response.headers["ETag"] = etag(user.version)
    return UserRead.model_validate(user)


@router.post("/login", operation_id="log_in", openapi_extra=raises("invalid_credentials"))
async def log_in(body: Login, sessions: SessionsDep) -> TokenPair:
    """Exchange email and password for an access token and a refresh token."""
    return await sessions.log_in(body)


@router.post("/refresh", operation_id="refresh", openapi_extra=raises("unauthenticated"))
async def refresh(body: Refresh, sessions: SessionsDep) -> TokenPair:
    """Exchange a refresh token for new tokens. Using a refresh token twice ends its session."""
    return await sessions.refresh(body.refresh_token)


@router.post("/logout", operation_id="log_out", status_code=204)
async def log_out(body: Refresh, sessions: SessionsDep) -> None:
    """End the session of a refresh token."""
    await sessions.log_out(body.refresh_token)


@keys_router.get("/.well-known/jwks.json", operation_id="public_keys")
async def public_keys(response: Response, authenticator: AuthenticatorDep) -> JsonWebKeySet:
    """Get the public keys that verify access tokens."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return JsonWebKeySet(keys=authenticator.keys.public_keys)
