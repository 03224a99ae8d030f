"""Clients of the service. Each member and admin is a new user who is logged in."""

import time
from datetime import timedelta
from typing import Any

from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient, Response

from app.auth.keys import generate_pem
from app.auth.sessions.repository import open_session
from app.auth.users.repository import Users, new_user
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


async def logged_in(service: FastAPI, role: Role) -> AsyncClient:
    """A client with this role. It skips the login, because hashing a password is slow."""
    user = new_user(f"{new_id()}@example.com", "", role)
    issued_at = int(time.time())
    async with service.state.database.transaction() as session:
        await Users(session).add(user)
        login_session = await open_session(session, user.id, expires_at=now() + timedelta(days=1))
    claims = {"sub": str(user.id), "sid": str(login_session.id), "iat": issued_at, "exp": issued_at + 900}
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
