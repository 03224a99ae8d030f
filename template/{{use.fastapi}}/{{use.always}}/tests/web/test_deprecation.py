"""Routes on their way out."""

import pytest
from httpx2 import AsyncClient

pytestmark = pytest.mark.anyio


async def test_a_deprecated_route_tells_when_it_goes_and_what_comes(anybody: AsyncClient) -> None:
    answer = await anybody.get("/api/probe/old")

    assert answer.headers["Deprecation"] == "@1767225600"
    assert answer.headers["Sunset"] == "Fri, 01 Jan 2027 00:00:00 GMT"
    assert answer.headers["Link"] == '</api/probe/items>; rel="successor-version"'
