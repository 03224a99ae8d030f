"""How a request proves its principal: only this file knows."""

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass
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


@dataclass(slots=True)
class _Verified:
    """What is known of a token since its signature was verified."""

    principal: Principal
    session_id: UUID
    expires_at: float
    was_used: bool = True
    """Since its session was looked up."""


class Authenticator:
    """Verifies bearer tokens, and remembers which it has seen.

    After some seconds the sessions of all that were used meanwhile are looked up again, in one query, so that hardly
    any request waits for that.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self.keys = KeyRing(settings)
        self._database = database
        self._verified: dict[str, _Verified] = {}
        self._changes = 0
        self._recheck_seconds = settings.auth_recheck_seconds
        self._recheck_at = 0.0
        self._rechecking: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope) -> str:
        """Names the caller, and leaves in the scope who that is, or why it is not known, for the route to judge."""
        principal = scope["principal"] = await self._authenticate(scope)
        if isinstance(principal, Refusal):
            return f"address {scope['client'][0] if scope['client'] else ''}"
        structlog.contextvars.bind_contextvars(principal=str(principal.id))
        return f"user {principal.id}"

    def forget(self, whom: UUID) -> None:
        """Makes this process look up a session, or the sessions of a user, anew, because something has changed."""
        self._changes += 1
        for token, each in list(self._verified.items()):
            if whom in (each.session_id, each.principal.id):
                del self._verified[token]

    async def _authenticate(self, scope: Scope) -> Principal | Refusal:
        header: bytes = scope["header_map"].get(b"authorization", b"")
        scheme, _, token = header.decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return Refusal("unauthenticated", "Send an access token as bearer")
        if time.monotonic() >= self._recheck_at:
            # One looks up for all who come meanwhile.
            if self._rechecking is None or self._rechecking.done():
                self._rechecking = asyncio.create_task(self._recheck())
            await asyncio.shield(self._rechecking)
        verified = self._verified.get(token)
        if verified and time.time() < verified.expires_at:
            verified.was_used = True
            return verified.principal
        verdict = await self._verify(token)
        if isinstance(verdict, Refusal):
            attempts.labels("rejected").inc()
        return verdict

    async def _recheck(self) -> None:
        recheck_at = time.monotonic() + self._recheck_seconds
        remembered, found = dict(self._verified), {}
        try:
            if used := {each.session_id for each in remembered.values() if each.was_used}:
                found = await self._find(used)
            self._recheck_at = recheck_at
        finally:
            # Whatever was not found is forgotten: all of it when the database does not answer.
            for token, each in remembered.items():
                if self._verified.get(token) is not each:
                    continue  # `forget` was faster
                if each.session_id in found:
                    each.principal, each.was_used = found[each.session_id], False
                else:
                    del self._verified[token]

    async def _verify(self, token: str) -> Principal | Refusal:
        try:
            claims = self.keys.verify(token)
            user_id, session_id = UUID(claims["sub"]), UUID(claims["sid"])
        except jwt.ExpiredSignatureError:
            return Refusal("token_expired", "The access token has expired")
        except (jwt.InvalidTokenError, ValueError, AttributeError, TypeError):
            return Refusal("unauthenticated", "The access token is not valid")
        changes = self._changes
        principal = (await self._find({session_id})).get(session_id)
        if principal is None or principal.id != user_id:
            return Refusal("unauthenticated", "The session has ended")
        if changes == self._changes:  # else this may be what was true before
            if len(self._verified) >= MOST_REMEMBERED:
                del self._verified[next(iter(self._verified))]
            self._verified[token] = _Verified(principal, session_id, claims["exp"])
        return principal

    async def _find(self, session_ids: Collection[UUID]) -> dict[UUID, Principal]:
        """The users of those sessions that were not revoked, with the roles of now."""
        statement = (
            select(LoginSession.id, LoginSession.user_id, Grant.role)
            .outerjoin(Grant, Grant.user_id == LoginSession.user_id)
            .where(LoginSession.id.in_(session_ids), LoginSession.revoked_at.is_(None))
        )
        found: dict[UUID, Principal] = {}
        async with self._database.reading() as session:
            for session_id, user_id, role in await session.execute(statement):
                roles = found[session_id].roles if session_id in found else frozenset()
                found[session_id] = Principal(user_id, roles | {role} if role else roles)
        return found
