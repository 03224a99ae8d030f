"""Registration, login, and the tokens of a session."""

import secrets
import time
from datetime import timedelta

from app import clock, context
from app.auth import audit, passwords
from app.auth.provider import Authenticator, attempts
from app.auth.sessions import repository
from app.auth.sessions.models import LoginSession
from app.auth.sessions.schemas import Login, TokenPair
from app.auth.users import service as users
from app.auth.users.models import User
from app.auth.users.repository import Users
from app.auth.users.schemas import Registration
from app.config import Settings
from app.database import Database, Session
from app.errors import DomainError
from app.permissions import Role


class Sessions:
    """Opens, refreshes and ends login sessions."""

    def __init__(self, settings: Settings, database: Database, authenticator: Authenticator) -> None:
        self._settings = settings
        self._database = database
        self._authenticator = authenticator

    async def register(self, registration: Registration) -> User:
        """Create a member.

        Raises: permission_denied, conflict
        """
        if not self._settings.registration_is_open:
            raise DomainError("permission_denied", "Registration is closed")
        return await users.create(self._database, registration, Role.MEMBER, self_registered=True)

    async def log_in(self, login: Login) -> TokenPair:
        """Open a session. The error does not tell whether the account exists.

        Raises: invalid_credentials, rate_limited
        """
        async with self._database.reading() as session:
            await self._refuse_if_locked_out(session, login.email)
            user = await Users(session).find_by_email(login.email)
        is_correct = await passwords.verify_password(login.password, user.password_hash if user else None)
        async with self._database.transaction() as session:
            # Check again, with the row locked: other logins may have failed while the password was hashed.
            await self._refuse_if_locked_out(session, login.email, lock=True)
            # Read the user again: it may have been erased or disabled, or its password changed.
            current = await Users(session).lock(user.id) if user and is_correct else None
            if user and current and current.password_hash == user.password_hash and not current.disabled:
                attempts.labels("ok").inc()
                await repository.delete_failures(session, login.email, context.current().address)
                await audit.record(session, "user.logged_in", str(user.id), actor=str(user.id))
                return await self._issue_tokens(session, await self._open(session, user))
            attempts.labels("failed").inc()
            await self._count_failure(session, login.email)
        # Raised after the transaction, so that the failure is counted.
        raise DomainError("invalid_credentials", "Email and password do not match")

    async def refresh(self, token: str) -> TokenPair:
        """Exchange a refresh token for new tokens. A second use suggests a stolen token, so it revokes the session.

        Raises: unauthenticated
        """
        async with self._database.transaction() as session:
            stored = await repository.lock_refresh_token(session, token)
            if stored and stored.used_at is None:
                login_session = await repository.lock_session(session, stored.session_id)
                if login_session and login_session.revoked_at is None and login_session.expires_at > clock.now():
                    await repository.mark_used(session, stored)
                    return await self._issue_tokens(session, login_session)
            elif stored:
                await repository.revoke(session, stored.session_id)
                self._authenticator.invalidate_session(session, stored.session_id)
        # Raised after the transaction, so that the session is revoked.
        raise DomainError("unauthenticated", "The refresh token is not valid")

    async def log_out(self, token: str) -> None:
        """End the session of a refresh token, if there is one."""
        async with self._database.transaction() as session:
            stored = await repository.lock_refresh_token(session, token)
            if stored:
                await repository.revoke(session, stored.session_id)
                self._authenticator.invalidate_session(session, stored.session_id)

    async def _refuse_if_locked_out(self, session: Session, email: str, *, lock: bool = False) -> None:
        address = context.current().address
        count, expires_at = await repository.count_failures(session, email, address, lock=lock)
        if count >= self._settings.auth_lockout_failures:
            wait = int((expires_at - clock.now()).total_seconds()) + 1
            raise DomainError("rate_limited", "Too many logins to this account failed", retry_after=wait)

    async def _count_failure(self, session: Session, email: str) -> None:
        expires_at = clock.now() + timedelta(seconds=self._settings.auth_lockout_seconds)
        await repository.add_failure(session, email, context.current().address, expires_at=expires_at)

    async def _open(self, session: Session, user: User) -> LoginSession:
        expires_at = clock.now() + timedelta(seconds=self._settings.auth_refresh_ttl_seconds)
        return await repository.open_session(session, user.id, expires_at=expires_at)

    async def _issue_tokens(self, session: Session, login_session: LoginSession) -> TokenPair:
        refresh_token = secrets.token_urlsafe(32)
        await repository.add_refresh_token(session, refresh_token, login_session.id)
        now = int(time.time())
        lifetime = self._settings.auth_access_ttl_seconds
        claims = {
            "sub": str(login_session.user_id),
            "sid": str(login_session.id),
            "jti": secrets.token_hex(8),
            "iat": now,
            "exp": now + lifetime,
        }
        return TokenPair(
            access_token=self._authenticator.keys.sign(claims),
            refresh_token=refresh_token,
            expires_in=lifetime,
        )
