"""The caller of the load test: it is anonymous."""

import httpx2


async def headers(client: httpx2.AsyncClient) -> dict[str, str]:
    return {}
