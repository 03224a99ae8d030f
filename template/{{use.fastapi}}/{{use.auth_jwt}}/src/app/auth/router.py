"""Registration, login and tokens over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.auth.provider import Authenticator
from app.auth.schemas import JsonWebKeySet, Login, Refresh, Registration, TokenPair, UserRead
from app.auth.sessions import Sessions
from app.web.conditional import resource
from app.web.openapi import raises

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])
keys_router = APIRouter(tags=["auth"])


async def _authenticator(request: Request) -> Authenticator:
    authenticator: Authenticator = request.app.state.authenticator
    return authenticator


AuthenticatorDep = Annotated[Authenticator, Depends(_authenticator)]


async def _sessions(request: Request, authenticator: AuthenticatorDep) -> Sessions:
    return Sessions(request.app.state.settings, request.app.state.database, authenticator)


SessionsDep = Annotated[Sessions, Depends(_sessions)]


@router.post(
    "/register",
    operation_id="register",
    status_code=201,
    response_model=UserRead,
    openapi_extra=raises("permission_denied", "conflict"),
)
async def register(body: Registration, sessions: SessionsDep) -> Response:
    """Register as a member. Closed in production unless the configuration opens it."""
    user = await sessions.register(body)
    return resource(UserRead, user, status=201, location="/api/v1/users/me")


@router.post("/login", operation_id="log_in", openapi_extra=raises("invalid_credentials"))
async def log_in(body: Login, sessions: SessionsDep) -> TokenPair:
    """Trade email and password for an access token and a refresh token."""
    return await sessions.log_in(body)


@router.post("/refresh", operation_id="refresh", openapi_extra=raises("unauthenticated"))
async def refresh(body: Refresh, sessions: SessionsDep) -> TokenPair:
    """Trade a refresh token for new tokens. Each is good for one use; a second use ends the session."""
    return await sessions.refresh(body.refresh_token)


@router.post("/logout", operation_id="log_out", status_code=204)
async def log_out(body: Refresh, sessions: SessionsDep) -> None:
    """End the session of a refresh token."""
    await sessions.log_out(body.refresh_token)


@keys_router.get("/.well-known/jwks.json", operation_id="public_keys")
async def public_keys(response: Response, authenticator: AuthenticatorDep) -> JsonWebKeySet:
    """The public keys that verify access tokens."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return JsonWebKeySet(keys=authenticator.keys.public_keys)
