"""Those who call the service. Members and admins are somebody new each time, and logged in."""

import time
from datetime import timedelta
from uuid import UUID

from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient

from app import clock
from app.auth.keys import generate_pem
from app.auth.models import Grant, LoginSession, User
from app.auth.permissions import Role
from app.ids import new_id

SECRETS = {"auth_private_key": generate_pem()}
"""What production asks for."""


def anybody(service: FastAPI) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(service), base_url="http://service.test")


async def member(service: FastAPI) -> AsyncClient:
    return await logged_in(service, Role.MEMBER)


async def admin(service: FastAPI) -> AsyncClient:
    return await logged_in(service, Role.ADMIN)


async def logged_in(service: FastAPI, *roles: Role) -> AsyncClient:
    """A caller with these roles, by the short way: no password is hashed."""
    user_id, session_id = new_id(), new_id()
    grants = [Grant(role=role) for role in roles]
    async with service.state.database.transaction() as session:
        session.add(User(id=user_id, email=f"{user_id}@example.com", password_hash="", grants=grants))
        await session.flush()
        session.add(LoginSession(id=session_id, user_id=user_id, expires_at=clock.now() + timedelta(days=1)))
    client = anybody(service)
    client.headers["Authorization"] = f"Bearer {access_token(service, user_id, session_id)}"
    return client


def access_token(service: FastAPI, user_id: UUID, session_id: UUID) -> str:
    now = int(time.time())
    claims = {"sub": str(user_id), "sid": str(session_id), "iat": now, "exp": now + 900}
    token: str = service.state.authenticator.keys.sign(claims)
    return token
