"""Reads and writes login sessions, refresh tokens and failed logins."""

import hashlib
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import case, delete, select, update

from app import clock, dialect
from app.auth.sessions.models import LoginFailures, LoginSession, RefreshToken
from app.auth.users.models import Grant, User
from app.database import Session, delete_some
from app.permissions import Principal


async def find_principals(session: Session, session_ids: Collection[UUID]) -> dict[UUID, Principal]:
    """The principals of these sessions, with current roles. Without ended sessions and disabled users."""
    is_open = (LoginSession.revoked_at.is_(None), LoginSession.expires_at > clock.now())
    statement = (
        select(LoginSession.id, LoginSession.user_id, Grant.role)
        .join(User, User.id == LoginSession.user_id)
        .outerjoin(Grant, Grant.user_id == LoginSession.user_id)
        .where(LoginSession.id.in_(session_ids), *is_open, User.disabled.is_(False))
    )
    found: dict[UUID, Principal] = {}
    for session_id, user_id, role in await session.execute(statement):
        roles = found[session_id].roles if session_id in found else frozenset()
        found[session_id] = Principal(str(user_id), (roles | {role}) if role else roles)
    return found


async def open_session(session: Session, user_id: UUID, *, expires_at: datetime) -> LoginSession:
    login_session = LoginSession(user_id=user_id, expires_at=expires_at)
    session.add(login_session)
    await session.flush()
    return login_session


async def lock_session(session: Session, session_id: UUID) -> LoginSession | None:
    """A session, locked until the transaction ends."""
    return await session.get(LoginSession, session_id, with_for_update=True)


async def revoke(session: Session, session_id: UUID) -> None:
    await session.execute(update(LoginSession).where(LoginSession.id == session_id).values(revoked_at=clock.now()))


async def revoke_of_user(session: Session, user_id: UUID) -> None:
    active = update(LoginSession).where(LoginSession.user_id == user_id, LoginSession.revoked_at.is_(None))
    await session.execute(active.values(revoked_at=clock.now()))


async def add_refresh_token(session: Session, token: str, session_id: UUID) -> None:
    session.add(RefreshToken(hash=_digest(token), session_id=session_id))


async def lock_refresh_token(session: Session, token: str) -> RefreshToken | None:
    """A refresh token, locked until the transaction ends."""
    return await session.get(RefreshToken, _digest(token), with_for_update=True)


async def mark_used(session: Session, token: RefreshToken) -> None:
    token.used_at = clock.now()
    await session.flush()


async def count_failures(session: Session, email: str, address: str, *, lock: bool = False) -> tuple[int, datetime]:
    """The number of failed logins, and when it expires. With `lock`, other transactions wait until this one ends."""
    key = (_digest(email), _digest(address))
    if lock:
        # Not FOR UPDATE: it locks nothing before the first failure, when there is no row.
        values = {"account": key[0], "address": key[1], "count": 0, "expires_at": clock.now()}
        await dialect.upsert(session, LoginFailures, values, ["account", "address"], {"count": LoginFailures.count})
    failures = await session.get(LoginFailures, key, populate_existing=True)
    if failures is None or failures.expires_at <= clock.now():
        return 0, clock.now()
    return failures.count, failures.expires_at


async def add_failure(session: Session, email: str, address: str, *, expires_at: datetime) -> None:
    """Count a failed login. An expired count starts again at 1."""
    count = case((LoginFailures.expires_at > clock.now(), LoginFailures.count + 1), else_=1)
    values = {"account": _digest(email), "address": _digest(address), "count": 1, "expires_at": expires_at}
    changes = {"count": count, "expires_at": expires_at}
    await dialect.upsert(session, LoginFailures, values, ["account", "address"], changes)


async def delete_failures(session: Session, email: str, address: str | None = None) -> None:
    """Delete the counts of failed logins to an account, from one address or from all addresses."""
    statement = delete(LoginFailures).where(LoginFailures.account == _digest(email))
    if address is not None:
        statement = statement.where(LoginFailures.address == _digest(address))
    await session.execute(statement)


async def delete_expired(session: Session) -> bool:
    """Delete some of the expired sessions and counts of failed logins. True if there may be more."""
    more_sessions = await delete_some(session, LoginSession, LoginSession.expires_at <= clock.now())
    more_failures = await delete_some(session, LoginFailures, LoginFailures.expires_at <= clock.now())
    return more_sessions or more_failures


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
