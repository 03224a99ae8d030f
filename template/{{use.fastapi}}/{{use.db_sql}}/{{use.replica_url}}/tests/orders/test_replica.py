"""Orders with a read replica. A second database stands in for a replica that lacks all changes."""

import pytest

from tests import callers, replicas
from tests.conftest import Start
from tests.databases import Databases
from tests.orders.factories import ORDERS, place


@pytest.fixture
def replica_url(databases: Databases, environment: pytest.MonkeyPatch) -> str:
    return replicas.create(databases, environment)


async def test_callers_read_their_own_writes_and_only_a_list_may_lack_them(start: Start, replica_url: str) -> None:
    member = await callers.member(await start(database_replica_url=replica_url))
    placed = await place(member)
    location, before = placed.headers["Location"], {"If-None-Match": placed.headers["ETag"]}

    assert (await member.get(location)).json() == placed.json()
    amended = await member.patch(location, json={"note": "new"}, headers={"If-Match": placed.headers["ETag"]})
    assert (await member.get(location, headers=before)).json() == amended.json()
    assert (await member.get(ORDERS)).json()["data"] == []


async def test_without_its_replica_a_list_has_all_changes(start: Start, databases: Databases) -> None:
    member = await callers.member(await start(database_replica_url=databases.nowhere()))
    placed = await place(member)

    assert (await member.get(ORDERS)).json()["data"] == [placed.json()]
