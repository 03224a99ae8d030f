"""What only a process of its own shows."""

import json
from pathlib import Path

import pytest
from httpx2 import AsyncClient

from tests.conftest import eventually
from tests.processes import free_port, is_ready, running

CALLERS = ("203.0.113.7", "203.0.113.8", "203.0.113.7")


@pytest.mark.parametrize(
    ("trusted", "statuses", "seen"),
    [("127.0.0.0/8", [404, 404, 429], list(CALLERS)), ("10.0.0.0/8", [404, 429, 429], ["127.0.0.1"] * 3)],
    ids=["a trusted proxy tells who calls", "nobody else does"],
)
async def test_the_address_of_a_caller(
    database_url: str, tmp_path: Path, trusted: str, statuses: list[int], seen: list[str]
) -> None:
    port, limit = free_port(), "1/day"
    settings = {"DATABASE_URL": database_url, "PORT": port, "TRUSTED_PROXIES": trusted, "RATE_LIMIT_DEFAULT": limit}
    async with (
        running("app", tmp_path, **settings) as process,
        AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        await eventually(lambda: is_ready(client))
        answers = [await client.get("/api/nowhere", headers={"X-Forwarded-For": caller}) for caller in CALLERS]
        process.terminate()
        logged, _ = await process.communicate()
    assert [answer.status_code for answer in answers] == statuses
    lines = [json.loads(line) for line in logged.splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert [line["client"] for line in requests] == seen
    assert [line["request_id"] for line in requests] == [answer.headers["X-Request-ID"] for answer in answers]
    assert "Server" not in answers[0].headers
