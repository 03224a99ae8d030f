"""Who calls in the load test: nobody in particular."""

import httpx2


async def headers(client: httpx2.AsyncClient) -> dict[str, str]:
    return {}
