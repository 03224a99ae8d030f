"""Reads and writes login sessions, refresh tokens and failed logins."""

import hashlib
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from app import clock
from app.auth.sessions.models import LoginFailures, LoginSession, RefreshToken
from app.auth.users.models import User
from app.database import Session, delete_some
from app.dialect import Fields
from app.permissions import Principal


async def find_principals(session: Session, session_ids: Collection[UUID]) -> dict[UUID, Principal]:
    """The principals of these sessions, with current roles. Without ended sessions and disabled users."""
    is_open = {"revoked_at": None, "expires_at": {"$gt": clock.now()}}
    sessions = await session.find(LoginSession, {"_id": {"$in": list(session_ids)}, **is_open})
    user_ids = list({each.user_id for each in sessions})
    users = {user.id: user for user in await session.find(User, {"_id": {"$in": user_ids}, "disabled": False})}
    return {
        each.id: Principal(str(each.user_id), frozenset(users[each.user_id].roles))
        for each in sessions
        if each.user_id in users
    }


async def open_session(session: Session, user_id: UUID, *, expires_at: datetime) -> LoginSession:
    login_session = LoginSession(user_id=user_id, expires_at=expires_at)
    await session.insert(login_session)
    return login_session


async def lock_session(session: Session, session_id: UUID) -> LoginSession | None:
    """A session, locked until the transaction ends."""
    return await session.lock(LoginSession, {"_id": session_id})


async def revoke(session: Session, session_id: UUID) -> None:
    await session.update(LoginSession, {"_id": session_id}, {"revoked_at": clock.now()})


async def revoke_of_user(session: Session, user_id: UUID) -> None:
    await session.update(LoginSession, {"user_id": user_id, "revoked_at": None}, {"revoked_at": clock.now()})


async def add_refresh_token(session: Session, token: str, session_id: UUID) -> None:
    await session.insert(RefreshToken(hash=_digest(token), session_id=session_id))


async def lock_refresh_token(session: Session, token: str) -> RefreshToken | None:
    """A refresh token, locked until the transaction ends."""
    return await session.lock(RefreshToken, {"_id": _digest(token)})


async def mark_used(session: Session, token: RefreshToken) -> None:
    await session.update(RefreshToken, {"_id": token.hash}, {"used_at": clock.now()})


async def count_failures(session: Session, email: str, address: str, *, lock: bool = False) -> tuple[int, datetime]:
    """The number of failed logins, and when it expires. With `lock`, other transactions wait until this one ends."""
    if lock:
        absent = {"count": 0, "expires_at": clock.now()}
        failures = await session.lock(LoginFailures, _of(email, address), absent)
    else:
        failures = await session.find_one(LoginFailures, _of(email, address))
    if failures is None or failures.expires_at <= clock.now():
        return 0, clock.now()
    return failures.count, failures.expires_at


async def add_failure(session: Session, email: str, address: str, *, expires_at: datetime) -> None:
    """Count a failed login. An expired count starts again at 1."""
    failures = await session.find_one(LoginFailures, _of(email, address))
    count = failures.count + 1 if failures and failures.expires_at > clock.now() else 1
    await session.upsert(LoginFailures, _of(email, address), {"$set": {"count": count, "expires_at": expires_at}})


async def delete_failures(session: Session, email: str, address: str | None = None) -> None:
    """Delete the counts of failed logins to an account, from one address or from all addresses."""
    wanted = {"_id.account": _digest(email)} if address is None else _of(email, address)
    await session.delete(LoginFailures, wanted)


async def delete_expired(session: Session) -> bool:
    """Delete some of the expired sessions and counts of failed logins. True if there may be more."""
    expired = {"expires_at": {"$lte": clock.now()}}
    more_sessions = await delete_some(session, LoginSession, expired)
    more_failures = await delete_some(session, LoginFailures, expired)
    return more_sessions or more_failures


def _of(email: str, address: str) -> Fields:
    return {"_id": LoginFailures.stored_id(_digest(email), _digest(address))}


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
