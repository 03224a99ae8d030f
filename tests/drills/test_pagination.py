"""API-4: a list can be walked to its end while others write into it."""

import asyncio
import json
import re
from collections import Counter

from tests.drills.traffic import ORDERS, Member, member
from tests.services import Service

ROWS = 1000


def test_a_thousand_rows_are_walked_during_inserts_none_twice_none_lost(service: Service) -> None:
    url = service.api().url
    headers = service.sign_in(url, "walker")

    async def scenario() -> tuple[set[str], list[str], int]:
        async with member(headers) as buyer:
            existing = await _fill(buyer, url)
            inserting = asyncio.create_task(_insert_until_cancelled(buyer, url))
            seen = await _walk(buyer, url)
            assert not inserting.done(), inserting.exception()
            inserting.cancel()
            return existing, seen, len(await _walk(buyer, url))

    existing, seen, total = asyncio.run(scenario())
    assert [order for order, times in Counter(seen).items() if times > 1] == []
    assert existing - set(seen) == set()
    assert total > ROWS, "nothing was inserted during the walk"


async def _fill(buyer: Member, url: str) -> set[str]:
    """Many orders at once, so that some share their time of creation."""
    made: set[str] = set()
    for _ in range(ROWS // 20):
        outcomes = await asyncio.gather(*(buyer.create(url) for _ in range(20)))
        assert {o.status for o in outcomes} == {201}, outcomes
        made |= {outcome.id for outcome in outcomes}
    return made


async def _insert_until_cancelled(buyer: Member, url: str) -> None:
    while True:
        outcome = await buyer.create(url)
        assert outcome.succeeded, outcome


async def _walk(buyer: Member, url: str) -> list[str]:
    """The ids on all pages, following the links as given."""
    ids: list[str] = []
    following = f"{ORDERS}?limit=20"
    while following:
        outcome = await buyer.send("GET", url + following)
        assert outcome.status == 200 and outcome.answer, outcome
        ids += [row["id"] for row in json.loads(outcome.answer.content)["data"]]
        following = _next(outcome.answer.headers.get("link", ""))
    return ids


def _next(link: str) -> str:
    """The path of the next page; empty on the last one."""
    match = re.fullmatch(r'<(/.+)>; rel="next"', link)
    return match[1] if match else ""
