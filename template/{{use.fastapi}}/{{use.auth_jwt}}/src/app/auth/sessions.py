"""Registration, login, and the tokens of a session."""

import hashlib
import secrets
import time
from datetime import timedelta
from uuid import UUID

from sqlalchemy import case, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app import clock
from app.auth import passwords
from app.auth.models import Grant, LoginFailures, LoginSession, RefreshToken, User
from app.auth.permissions import Role
from app.auth.provider import Authenticator, attempts
from app.auth.schemas import Login, Registration, TokenPair
from app.config import Settings
from app.database import Database
from app.dialect import insert
from app.errors import Refusal
from app.jobs import Job


class Sessions:
    """The life of sessions, from login to logout."""

    def __init__(self, settings: Settings, database: Database, authenticator: Authenticator) -> None:
        self._settings = settings
        self._database = database
        self._authenticator = authenticator

    async def register(self, registration: Registration) -> User:
        """Makes a member.

        Raises: permission_denied, conflict
        """
        if not self._settings.registration_is_open:
            raise Refusal("permission_denied", "Registration is closed")
        return await create_user(self._database, registration.email, registration.password, Role.MEMBER)

    async def log_in(self, login: Login) -> TokenPair:
        """Opens a session. Which of email and password is wrong is not told.

        Raises: invalid_credentials, rate_limited
        """
        account = _digest(login.email)
        async with self._database.reading() as session:
            await self._refuse_if_locked(session, account)
            user = await session.scalar(select(User).where(User.email == login.email))
        matches = await passwords.verify_password(login.password, user.password_hash if user else None)
        attempts.labels("ok" if matches else "failed").inc()
        async with self._database.transaction() as session:
            # Once more: others may have guessed while this password was hashed.
            await self._refuse_if_locked(session, account)
            if user and matches:
                await session.execute(delete(LoginFailures).where(LoginFailures.account == account))
                return self._issue(session, await self._open(session, user))
            await self._count_failure(session, account)
        raise Refusal("invalid_credentials", "Email and password do not match")

    async def refresh(self, token: str) -> TokenPair:
        """Trades a refresh token for new tokens. One that was used before ends its session: it was stolen.

        Raises: unauthenticated
        """
        async with self._database.transaction() as session:
            stored = await _find_token(session, token)
            if stored and stored.used_at is None:
                opened = await session.get(LoginSession, stored.session_id, with_for_update=True)
                if opened and opened.revoked_at is None and opened.expires_at > clock.now():
                    stored.used_at = clock.now()
                    return self._issue(session, opened)
            elif stored:
                await _revoke(session, stored.session_id)
        if stored:
            self._authenticator.forget(stored.session_id)
        raise Refusal("unauthenticated", "The refresh token is not valid")

    async def log_out(self, token: str) -> None:
        """Ends the session of a refresh token, if there is one."""
        async with self._database.transaction() as session:
            stored = await _find_token(session, token)
            if stored:
                await _revoke(session, stored.session_id)
        if stored:
            self._authenticator.forget(stored.session_id)

    async def _refuse_if_locked(self, session: AsyncSession, account: bytes) -> None:
        # Locked, so that of many who guess at once each sees what the one before it counted.
        failures = await session.get(LoginFailures, account, with_for_update=True)
        now = clock.now()
        if failures and failures.expires_at > now and failures.count >= self._settings.auth_lockout_failures:
            wait = int((failures.expires_at - now).total_seconds()) + 1
            raise Refusal("rate_limited", "Too many logins to this account failed", retry_after=wait)

    async def _count_failure(self, session: AsyncSession, account: bytes) -> None:
        now = clock.now()
        expires_at = now + timedelta(seconds=self._settings.auth_lockout_seconds)
        count = case((LoginFailures.expires_at > now, LoginFailures.count + 1), else_=1)
        counted = insert(LoginFailures).values(account=account, count=1, expires_at=expires_at)
        next_one = {"count": count, "expires_at": expires_at}
        await session.execute(counted.on_conflict_do_update(index_elements=["account"], set_=next_one))

    async def _open(self, session: AsyncSession, user: User) -> LoginSession:
        expires_at = clock.now() + timedelta(seconds=self._settings.auth_refresh_ttl_seconds)
        opened = LoginSession(user_id=user.id, expires_at=expires_at)
        session.add(opened)
        try:
            await session.flush()
        except IntegrityError as error:  # the account was erased meanwhile
            raise Refusal("invalid_credentials", "Email and password do not match") from error
        return opened

    def _issue(self, session: AsyncSession, opened: LoginSession) -> TokenPair:
        refresh_token = secrets.token_urlsafe(32)
        session.add(RefreshToken(hash=_digest(refresh_token), session_id=opened.id))
        now = int(time.time())
        lifetime = self._settings.auth_access_ttl_seconds
        claims = {"sub": str(opened.user_id), "sid": str(opened.id), "iat": now, "exp": now + lifetime}
        return TokenPair(
            access_token=self._authenticator.keys.sign(claims | {"jti": secrets.token_hex(8)}),
            refresh_token=refresh_token,
            expires_in=lifetime,
        )


async def create_user(database: Database, email: str, password: str, role: Role) -> User:
    """Raises: conflict"""
    password_hash = await passwords.hash_password(password)
    user = User(email=email, password_hash=password_hash, grants=[Grant(role=role)])
    try:
        async with database.transaction() as session:
            session.add(user)
    except IntegrityError as error:
        raise Refusal("conflict", "The email is taken") from error
    return user


async def purge(session: AsyncSession) -> None:
    """Forgets sessions that have ended and failures that no longer count."""
    await session.execute(delete(LoginSession).where(LoginSession.expires_at <= clock.now()))
    await session.execute(delete(LoginFailures).where(LoginFailures.expires_at <= clock.now()))


jobs = (Job("purge_sessions", timedelta(hours=1), purge),)


async def _find_token(session: AsyncSession, token: str) -> RefreshToken | None:
    return await session.get(RefreshToken, _digest(token), with_for_update=True)


async def _revoke(session: AsyncSession, session_id: UUID) -> None:
    await session.execute(update(LoginSession).where(LoginSession.id == session_id).values(revoked_at=clock.now()))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
