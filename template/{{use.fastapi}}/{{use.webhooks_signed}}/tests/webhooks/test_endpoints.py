"""Users manage the endpoints that receive their events."""

from datetime import timedelta

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response

from app import clock
from app.auth.dependencies import current_principal
from app.permissions import Principal
from app.webhooks import service as endpoints
from tests import callers
from tests.conftest import Start
from tests.receivers import Receiver
from tests.webhooks.conftest import ENDPOINTS, deliveries, subscribe

NEW = {"url": "https://example.com/hook", "event_types": ["order.placed"]}


def refused(answer: Response, status: int, code: str) -> bool:
    return (answer.status_code, answer.json()["code"]) == (status, code)


async def test_an_endpoint_is_created_and_its_secret_is_shown_once(member: AsyncClient) -> None:
    created = await member.post(ENDPOINTS, json=NEW)

    assert (created.status_code, created.headers["ETag"]) == (201, '"1"')
    assert created.json()["secret"].startswith("whsec_")
    shown = {name: value for name, value in created.json().items() if name != "secret"}
    found = await member.get(created.headers["Location"])
    assert (found.json(), found.headers["ETag"]) == (shown, '"1"')
    assert (await member.get(ENDPOINTS)).json()["data"] == [shown]
    assert (await member.get(created.headers["Location"], headers={"If-None-Match": '"1"'})).status_code == 304


async def test_a_repeated_create_has_one_effect_and_does_not_store_the_secret(member: AsyncClient) -> None:
    first, second = [await member.post(ENDPOINTS, json=NEW, headers={"Idempotency-Key": "k"}) for _ in range(2)]

    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.json() == {name: value for name, value in first.json().items() if name != "secret"}
    assert len((await member.get(ENDPOINTS)).json()["data"]) == 1


@pytest.mark.parametrize(
    ("pointer", "changes"),
    [
        ("/url", {"url": "example.com"}),
        ("/url", {"url": "https://169.254.169.254/latest"}),
        ("/url", {"url": "https://user:secret@example.com/"}),
        ("/event_types", {"event_types": []}),
        ("/event_types/0", {"event_types": ["Order placed"]}),
        ("/secret", {"secret": "mine"}),
    ],
)
async def test_an_invalid_endpoint_is_refused(member: AsyncClient, pointer: str, changes: dict[str, object]) -> None:
    answer = await member.post(ENDPOINTS, json=NEW | changes)

    assert refused(answer, 422, "validation_failed")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_outside_of_development_an_endpoint_needs_https(start: Start) -> None:
    member = await callers.member(await start())

    assert refused(await member.post(ENDPOINTS, json=NEW | {"url": "http://example.com/"}), 422, "validation_failed")
    assert refused(await member.post(ENDPOINTS, json=NEW | {"url": "https://127.0.0.1/"}), 422, "validation_failed")


async def test_an_endpoint_is_changed_at_the_version_that_the_caller_knows(member: AsyncClient) -> None:
    path = (await member.post(ENDPOINTS, json=NEW)).headers["Location"]

    assert refused(await member.patch(path, json={"disabled": True}), 428, "precondition_required")
    inside = {"url": "https://10.0.0.1/"}
    assert refused(await member.patch(path, json=inside, headers={"If-Match": '"1"'}), 422, "validation_failed")
    changed = await member.patch(path, json={"event_types": ["b", "a", "b"]}, headers={"If-Match": '"1"'})
    assert (changed.json()["event_types"], changed.headers["ETag"]) == (["a", "b"], '"2"')
    assert refused(
        await member.patch(path, json={"disabled": True}, headers={"If-Match": '"1"'}), 412, "precondition_failed"
    )
    assert refused(await member.delete(path, headers={"If-Match": '"1"'}), 412, "precondition_failed")
    assert (await member.delete(path)).status_code == 204
    assert refused(await member.get(path), 404, "not_found")


async def test_a_disabled_endpoint_is_not_pinged_until_it_is_enabled(member: AsyncClient, receiver: Receiver) -> None:
    endpoint = await subscribe(member, receiver)
    path, any_version = f"{ENDPOINTS}/{endpoint['id']}", {"If-Match": "*"}

    assert (await member.patch(path, json={"disabled": True}, headers=any_version)).json()["disabled"]
    assert refused(await member.post(f"{path}/pings"), 409, "invalid_state")
    await member.patch(path, json={"disabled": False}, headers=any_version)
    assert (await member.post(f"{path}/pings")).status_code == 202
    assert [each["type"] for each in await deliveries(member, endpoint)] == ["webhook.ping"]


async def test_a_rotation_shows_another_secret_and_the_end_of_the_old_one(member: AsyncClient) -> None:
    created = (await member.post(ENDPOINTS, json=NEW)).json()

    rotated = await member.post(f"{ENDPOINTS}/{created['id']}/secrets")

    assert rotated.status_code == 201
    assert rotated.json()["secret"] != created["secret"]
    until = clock.rfc3339(clock.now() + timedelta(hours=23))
    assert rotated.json()["previous_secret_until"] > until


async def test_an_owner_has_a_limit_of_endpoints(member: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "MAX_ENDPOINTS", 1)
    await member.post(ENDPOINTS, json=NEW)

    assert refused(await member.post(ENDPOINTS, json=NEW), 409, "conflict")


async def test_a_principal_without_a_role_may_not_see_endpoints(service: FastAPI, member: AsyncClient) -> None:
    service.dependency_overrides[current_principal] = lambda: Principal("ada", frozenset())

    assert refused(await member.get(ENDPOINTS), 403, "permission_denied")
