"""Accounts with a password, and what their owners do."""

from typing import Any

from httpx2 import AsyncClient, Response

EMAIL = "ada@example.com"
PASSWORD = "correct horse battery"  # noqa: S105  # it opens nothing but tests


async def register(client: AsyncClient, email: str = EMAIL, password: str = PASSWORD) -> Response:
    return await client.post("/api/v1/auth/register", json={"email": email, "password": password})


async def log_in(client: AsyncClient, email: str = EMAIL, password: str = PASSWORD) -> Response:
    return await client.post("/api/v1/auth/login", json={"email": email, "password": password})


async def refresh(client: AsyncClient, token: str) -> Response:
    return await client.post("/api/v1/auth/refresh", json={"refresh_token": token})


async def log_out(client: AsyncClient, token: str) -> Response:
    return await client.post("/api/v1/auth/logout", json={"refresh_token": token})


async def get_me(client: AsyncClient, token: str) -> Response:
    return await client.get("/api/v1/users/me", headers={"Authorization": f"Bearer {token}"})


async def open_session(client: AsyncClient) -> dict[str, Any]:
    """The tokens of a new member's first login."""
    await register(client)
    tokens: dict[str, Any] = (await log_in(client)).json()
    return tokens
