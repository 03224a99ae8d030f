"""Metrics, by the names of the contract."""

from fastapi import FastAPI
from httpx2 import AsyncClient

from tests import callers
from tests.conftest import Start
from tests.web import probes


async def series(client: AsyncClient) -> set[str]:
    """The names and labels of all samples."""
    lines = (await client.get("/metrics")).text.splitlines()
    return {line.rpartition(" ")[0] for line in lines if not line.startswith("#")}


async def test_the_contract_is_measured(start: Start) -> None:
    client = callers.anybody(await start(probes.router))
    await client.get("/api/probe/items/1")
    await client.get("/api/probe/stored")
    found = await series(client)
    assert found >= {
        'http_server_request_duration_seconds_count{method="GET",route="/api/probe/items/{item_id}",status="200"}',
        "http_server_requests_in_flight",
        'db_client_operation_duration_seconds_count{operation="read"}',
        'db_pool_connections{state="in_use"}',
        'db_pool_connections{state="idle"}',
        'build_info{version="0.1.0"}',
    }


async def test_unknown_paths_and_methods_add_no_series(anybody: AsyncClient) -> None:
    await anybody.get("/nowhere")
    await anybody.request("BREW", "/nowhere")
    before = await series(anybody)
    for number in range(500):
        await anybody.get(f"/{number}", headers={"X-Request-ID": f"{number}"})
        await anybody.request(f"BREW{number}", "/nowhere")
    assert await series(anybody) == before


async def test_metrics_may_have_a_port_of_their_own(start: Start) -> None:
    client = callers.anybody(await start(metrics_port=9100))
    assert (await client.get("/metrics")).status_code == 404


async def test_requests_are_counted_while_they_are_answered(service: FastAPI, anybody: AsyncClient) -> None:
    metrics = (await anybody.get("/metrics")).text
    assert "\nhttp_server_requests_in_flight 1.0\n" in metrics
