"""The caller of the load test: a new member."""

from uuid import uuid4

import httpx2


async def headers(client: httpx2.AsyncClient) -> dict[str, str]:
    user = {"email": f"{uuid4().hex}@example.com", "password": uuid4().hex}
    (await client.post("/api/v1/auth/register", json=user)).raise_for_status()
    token = (await client.post("/api/v1/auth/login", json=user)).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}
