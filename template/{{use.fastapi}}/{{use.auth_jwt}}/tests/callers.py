"""Clients of the service. Each member and admin is a new user who is logged in."""

import time
from datetime import timedelta
from typing import Any

from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient, Response

from app.auth.keys import generate_pem
from app.auth.sessions.models import LoginSession
from app.auth.users.models import Grant, User
from app.clock import new_id, now
from app.permissions import Role

SECRETS = {"auth_private_key": generate_pem()}
"""The settings that production requires."""
ADA = {"email": "ada@example.com", "password": "correct horse battery"}


def anybody(service: FastAPI) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(service), base_url="http://service.test")


async def member(service: FastAPI) -> AsyncClient:
    return await logged_in(service, Role.MEMBER)


async def admin(service: FastAPI) -> AsyncClient:
    return await logged_in(service, Role.ADMIN)


async def logged_in(service: FastAPI, *roles: Role) -> AsyncClient:
    """A client with these roles. It skips the login, because hashing a password is slow."""
    user_id, session_id = new_id(), new_id()
    issued_at = int(time.time())
    grants = [Grant(role=role) for role in roles]
    async with service.state.database.transaction() as session:
        session.add(User(id=user_id, email=f"{user_id}@example.com", password_hash="", grants=grants))
        await session.flush()
        session.add(LoginSession(id=session_id, user_id=user_id, expires_at=now() + timedelta(days=1)))
    claims = {"sub": str(user_id), "sid": str(session_id), "iat": issued_at, "exp": issued_at + 900}
    client = anybody(service)
    client.headers["Authorization"] = f"Bearer {service.state.authenticator.keys.sign(claims)}"
    return client


async def ada(client: AsyncClient) -> dict[str, Any]:
    """Register Ada and log her in. Returns the tokens."""
    await post(client, "register", **ADA)
    tokens: dict[str, Any] = (await post(client, "login", **ADA)).json()
    return tokens


async def post(client: AsyncClient, route: str, **body: Any) -> Response:
    return await client.post(f"/api/v1/auth/{route}", json=body)


async def get_me(client: AsyncClient, token: str) -> Response:
    return await client.get("/api/v1/users/me", headers={"Authorization": f"Bearer {token}"})
