"""API-9: one effect for a key, however many send it at once and wherever it arrives."""

import asyncio
from collections import Counter

from tests.drills.databases import Database
from tests.drills.traffic import Outcome, member, order
from tests.services import Service


def test_fifty_parallel_duplicates_make_one_row(service: Service, database: Database) -> None:
    outcomes = _fifty_duplicates(service, replicas=1)
    _assert_one_effect(outcomes, database)


def test_fifty_parallel_duplicates_across_two_replicas_make_one_row(
    service: Service, database: Database
) -> None:
    outcomes = _fifty_duplicates(service, replicas=2)
    _assert_one_effect(outcomes, database)


def test_a_replica_replays_what_the_other_answered(service: Service) -> None:
    first, second = service.api(), service.api()
    headers = service.sign_in(first.url, "replay")

    async def scenario() -> tuple[Outcome, Outcome, Outcome]:
        body = order()
        async with member(headers) as buyer:
            return (
                await buyer.create(first.url, body, "same-key"),
                await buyer.create(second.url, body, "same-key"),
                await buyer.create(second.url, order(), "same-key"),
            )

    made, replayed, reused = asyncio.run(scenario())
    assert made.answer and replayed.answer
    assert (made.status, replayed.status) == (201, 201), replayed
    assert replayed.answer.headers["idempotent-replayed"] == "true"
    assert replayed.answer.content == made.answer.content
    assert replayed.answer.headers["location"] == made.answer.headers["location"]
    assert (reused.status, reused.code) == (422, "idempotency_key_reused")


def _fifty_duplicates(service: Service, replicas: int) -> list[Outcome]:
    urls = [service.api().url for _ in range(replicas)]
    headers = service.sign_in(urls[0], "duplicates")

    async def scenario() -> list[Outcome]:
        body = order()
        async with member(headers) as buyer:
            sent = (buyer.create(urls[n % replicas], body, "one-key") for n in range(50))
            return await asyncio.gather(*sent)

    return asyncio.run(scenario())


def _assert_one_effect(outcomes: list[Outcome], database: Database) -> None:
    kinds = Counter(_kind(outcome) for outcome in outcomes)
    assert set(kinds) <= {"made", "replayed", "in progress"}, kinds
    assert kinds["made"] == 1, kinds
    ids = {outcome.id for outcome in outcomes if outcome.status == 201}
    assert set(database.orders().values()) == ids


def _kind(outcome: Outcome) -> str:
    if outcome.status == 201 and outcome.answer:
        return "replayed" if "idempotent-replayed" in outcome.answer.headers else "made"
    if outcome.code == "idempotency_in_progress" and outcome.answer:
        assert int(outcome.answer.headers["retry-after"]) >= 1
        return "in progress"
    return str(outcome)
