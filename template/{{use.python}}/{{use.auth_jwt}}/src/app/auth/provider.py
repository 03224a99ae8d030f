"""Authenticates requests by their access token."""

import asyncio
import time
from dataclasses import dataclass
from uuid import UUID

import jwt
from prometheus_client import Counter

from app.auth.keys import KeyRing
from app.auth.sessions import repository
from app.cache.local import SingleFlight
from app.config import Settings
from app.database import Database, Session, after_commit
from app.errors import DomainError
from app.permissions import Principal

CACHE_SIZE = 10_000

attempts = Counter("auth_attempts_total", "Logins and rejected tokens", ["result"])


def budgets(settings: Settings) -> dict[str, str]:
    """The rate limits of login, registration, refresh and change of password, by path."""
    paths = [f"/api/v1/auth/{route}" for route in ("login", "register", "refresh")]
    return dict.fromkeys([*paths, "/api/v1/users/me/password"], settings.auth_rate_limit)


@dataclass(slots=True)
class _VerifiedToken:
    """A token in the cache."""

    principal: Principal
    session_id: UUID
    expires_at: float
    was_used: bool = True
    """Whether the token was used since the last recheck."""


class Authenticator:
    """Verifies bearer tokens, and caches the verified ones.

    A token that is not in the cache takes one query, however many requests send it at the same time. After every
    `AUTH_RECHECK_SECONDS`, the next request rechecks the cache: one query looks up the sessions of the tokens that were
    used since the last recheck. Tokens whose session was not found are dropped.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self.keys = KeyRing(settings)
        self._database = database
        self._verified: dict[str, _VerifiedToken] = {}
        self._verifying = SingleFlight[Principal | DomainError]()
        self._changes = 0
        self._recheck_seconds = settings.auth_recheck_seconds
        self._recheck_at = 0.0
        self._rechecking: asyncio.Task[None] | None = None

    async def authenticate(self, authorization: str) -> Principal | DomainError:
        """Take the `Authorization` header. Returns the principal, or the reason why there is none."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            return DomainError("unauthenticated", "Send an access token as bearer")
        if time.monotonic() >= self._recheck_at:
            # Concurrent requests wait for the same task.
            if self._rechecking is None or self._rechecking.done():
                self._rechecking = asyncio.create_task(self._recheck())
            await asyncio.shield(self._rechecking)
        verified = self._verified.get(token)
        if verified and time.time() < verified.expires_at:
            verified.was_used = True
            return verified.principal
        result = await self._verifying.run(token, lambda: self._verify(token))
        if isinstance(result, DomainError):
            attempts.labels("rejected").inc()
        return result

    def invalidate_user(self, session: Session, user_id: UUID) -> None:
        """After the commit, drop the tokens of a user from the cache: its roles have changed or its sessions ended."""
        after_commit(session, lambda: self._invalidate(user_id))

    def invalidate_session(self, session: Session, session_id: UUID) -> None:
        """After the commit, drop the tokens of a session from the cache: the session has ended."""
        after_commit(session, lambda: self._invalidate(session_id))

    async def end_sessions(self, session: Session, user_id: UUID) -> None:
        """Revoke every session of a user."""
        await repository.revoke_of_user(session, user_id)
        self.invalidate_user(session, user_id)

    async def erase(self, session: Session, email: str) -> None:
        """Delete the failed logins of a user. They have no foreign key, because unknown emails are counted, too."""
        await repository.delete_failures(session, email)

    def _invalidate(self, user_or_session: UUID) -> None:
        self._changes += 1
        self._verifying.forget()
        for token, each in list(self._verified.items()):
            if user_or_session == each.session_id or str(user_or_session) == each.principal.subject:
                del self._verified[token]

    async def _recheck(self) -> None:
        recheck_at = time.monotonic() + self._recheck_seconds
        cached: dict[str, _VerifiedToken] = dict(self._verified)
        found: dict[UUID, Principal] = {}
        try:
            if used := {each.session_id for each in cached.values() if each.was_used}:
                found = await self._find(used)
            self._recheck_at = recheck_at
        finally:
            # Drop the tokens whose session was not found: all tokens, if the database does not answer.
            for token, each in cached.items():
                if self._verified.get(token) is not each:
                    continue  # dropped or replaced during the query
                if each.session_id in found:
                    each.principal = found[each.session_id]
                    each.was_used = False
                else:
                    del self._verified[token]

    async def _verify(self, token: str) -> Principal | DomainError:
        try:
            claims = self.keys.verify(token)
            subject, session_id = str(UUID(claims["sub"])), UUID(claims["sid"])
        except jwt.ExpiredSignatureError:
            return DomainError("token_expired", "The access token has expired")
        except (jwt.InvalidTokenError, ValueError, AttributeError, TypeError):
            return DomainError("unauthenticated", "The access token is not valid")
        changes = self._changes
        principal = (await self._find({session_id})).get(session_id)
        if principal is None or principal.subject != subject:
            return DomainError("unauthenticated", "The session has ended")
        # A change during the query may have made the principal outdated. It is not cached then.
        if changes == self._changes:
            if len(self._verified) >= CACHE_SIZE:
                del self._verified[next(iter(self._verified))]
            self._verified[token] = _VerifiedToken(principal, session_id, claims["exp"])
        return principal

    async def _find(self, session_ids: set[UUID]) -> dict[UUID, Principal]:
        async with self._database.reading() as session:
            return await repository.find_principals(session, session_ids)
