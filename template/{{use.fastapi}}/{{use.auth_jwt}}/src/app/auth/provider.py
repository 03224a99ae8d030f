"""How a request proves its principal: only this file knows."""

import time
from uuid import UUID

import jwt
import structlog
from prometheus_client import Counter
from sqlalchemy import select
from starlette.types import Scope

from app.auth.keys import KeyRing
from app.auth.models import Grant, LoginSession
from app.auth.permissions import Principal
from app.config import Settings
from app.database import Database
from app.errors import Refusal

MOST_REMEMBERED = 10_000

attempts = Counter("auth_attempts_total", "Logins and rejected tokens", ["result"])


def budgets(settings: Settings) -> dict[str, str]:
    """The rate limits of the routes that take credentials, by path."""
    return {f"/api/v1/auth/{route}": settings.auth_rate_limit for route in ("login", "register", "refresh")}


class Authenticator:
    """Verifies bearer tokens, and remembers for some seconds which it has seen."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.keys = KeyRing(settings)
        self._database = database
        self._recheck_seconds = settings.auth_recheck_seconds
        # By token: its principal, and when it expires or its session must be looked up again, in Unix time.
        self._verified: dict[str, tuple[Principal, float]] = {}

    async def __call__(self, scope: Scope) -> str:
        """Names the caller, and leaves in the scope who that is, or why it is not known, for the route to judge."""
        principal = scope["principal"] = await self._authenticate(scope)
        if isinstance(principal, Refusal):
            return f"address {scope['client'][0] if scope['client'] else ''}"
        structlog.contextvars.bind_contextvars(principal=str(principal.id))
        return f"user {principal.id}"

    def forget(self) -> None:
        """Makes this process look up every session anew, because one has changed."""
        self._verified.clear()

    async def _authenticate(self, scope: Scope) -> Principal | Refusal:
        header: bytes = scope["header_map"].get(b"authorization", b"")
        scheme, _, token = header.decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return Refusal("unauthenticated", "Send an access token as bearer")
        principal, good_until = self._verified.get(token, (None, 0))
        if principal and time.time() < good_until:
            return principal
        verdict = await self._verify(token)
        if isinstance(verdict, Refusal):
            attempts.labels("rejected").inc()
        return verdict

    async def _verify(self, token: str) -> Principal | Refusal:
        try:
            claims = self.keys.verify(token)
            user_id, session_id = UUID(claims["sub"]), UUID(claims["sid"])
        except jwt.ExpiredSignatureError:
            return Refusal("token_expired", "The access token has expired")
        except (jwt.InvalidTokenError, ValueError, AttributeError, TypeError):
            return Refusal("unauthenticated", "The access token is not valid")
        principal = await self._find(user_id, session_id)
        if principal is None:
            return Refusal("unauthenticated", "The session has ended")
        if len(self._verified) >= MOST_REMEMBERED:
            del self._verified[next(iter(self._verified))]
        self._verified[token] = principal, min(claims["exp"], time.time() + self._recheck_seconds)
        return principal

    async def _find(self, user_id: UUID, session_id: UUID) -> Principal | None:
        """The user of a session that was not revoked, with the roles of now."""
        statement = (
            select(LoginSession.id, Grant.role)
            .outerjoin(Grant, Grant.user_id == LoginSession.user_id)
            .where(LoginSession.id == session_id, LoginSession.user_id == user_id, LoginSession.revoked_at.is_(None))
        )
        async with self._database.reading() as session:
            rows = (await session.execute(statement)).all()
        if not rows:
            return None
        return Principal(user_id, frozenset(row.role for row in rows if row.role))
