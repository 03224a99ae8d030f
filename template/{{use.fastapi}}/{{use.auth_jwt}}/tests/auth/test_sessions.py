"""Registration, login, refresh and logout, and attacks on them."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from argon2 import PasswordHasher
from httpx2 import ASGITransport, AsyncClient, Response

from app.auth.sessions import repository
from app.auth.sessions.models import LoginFailures, LoginSession, RefreshToken
from app.auth.users.models import User
from app.auth.users.repository import Users
from app.clock import now
from app.database import Database
from tests import callers, production, stored
from tests.callers import ADA, get_me, post
from tests.conftest import Start

WEEK = 7 * 24 * 3600
WRONG = ADA | {"password": "a wrong password"}
NOBODY = ADA | {"email": "nobody@example.com"}


async def refresh(client: AsyncClient, tokens: dict[str, Any]) -> Response:
    return await post(client, "refresh", refresh_token=tokens["refresh_token"])


async def test_a_registration_creates_a_member(anybody: AsyncClient, database: Database) -> None:
    answer = await post(anybody, "register", **ADA)
    assert (answer.status_code, answer.headers["Location"]) == (201, "/api/v1/users/me")
    assert answer.json().keys() == {"id", "email", "roles", "disabled", "created_at", "updated_at"}
    assert answer.json()["roles"] == ["member"]
    async with database.reading() as session:
        [user] = await stored.all_of(session, User)
    assert user.password_hash.startswith("$argon2id$")


async def test_an_email_can_be_registered_once_in_any_case(anybody: AsyncClient) -> None:
    await post(anybody, "register", **ADA)

    again = await post(anybody, "register", **ADA | {"email": "ADA@Example.com"})

    assert (again.status_code, again.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    "change",
    [
        {"password": "too short"},
        {"roles": ["admin"]},
        {"email": "ada\0@example.com"},
        {"email": "ada@@example.com"},
        {"email": "ada@example..com"},
        {"email": "ada"},
    ],
)
async def test_an_invalid_registration_is_refused(anybody: AsyncClient, change: dict[str, Any]) -> None:
    answer = await post(anybody, "register", **ADA | change)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{field}" for field in change]


@pytest.mark.parametrize(("setting", "status"), [(None, 403), ("open", 201)])
async def test_registration_is_closed_in_production_unless_it_is_opened(
    start: Start, setting: str | None, status: int
) -> None:
    service = await start(app_env="production", auth_registration=setting, **production.SECRETS)
    assert (await post(callers.anybody(service), "register", **ADA)).status_code == status


async def test_routes_that_take_credentials_have_a_stricter_rate_limit(start: Start) -> None:
    client = callers.anybody(await start(auth_rate_limit="2/hour"))
    assert [(await post(client, "login", **ADA)).status_code for _ in range(3)] == [401, 401, 429]


async def test_a_wrong_password_and_an_unknown_email_cannot_be_told_apart(
    anybody: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs: list[list[str]] = []
    verify = PasswordHasher.verify

    def note_cost(self: PasswordHasher, hashed: str, password: str) -> bool:
        algorithm_and_parameters = hashed.split("$")[:4]
        costs.append(algorithm_and_parameters)
        return verify(self, hashed, password)

    monkeypatch.setattr(PasswordHasher, "verify", note_cost)
    await post(anybody, "register", **ADA)
    answers = [(await post(anybody, "login", **login)).json() for login in (WRONG, NOBODY)]
    wrong, unknown = (answer | {"request_id": "", "timestamp": ""} for answer in answers)
    assert wrong == unknown
    assert (wrong["status"], wrong["code"]) == (401, "invalid_credentials")
    assert len(costs) == 2
    assert costs[0] == costs[1]


@pytest.mark.parametrize("login", [WRONG, NOBODY], ids=["known", "unknown"])
async def test_too_many_failures_lock_the_account_for_this_address_for_a_while(
    start: Start, pass_time: Callable[[float], None], monkeypatch: pytest.MonkeyPatch, login: dict[str, str]
) -> None:
    monkeypatch.setattr("app.auth.passwords._slots", asyncio.Semaphore(6))  # a semaphore belongs to one event loop
    client = callers.anybody(await start(auth_lockout_failures=3, auth_lockout_seconds=60))
    await post(client, "register", **ADA)
    for _ in range(2):
        answers = await asyncio.gather(*(post(client, "login", **login) for _ in range(6)))
        assert sorted(answer.status_code for answer in answers) == [401] * 3 + [429] * 3
        locked = await post(client, "login", **login | {"password": ADA["password"]})
        assert locked.status_code == 429
        assert 50 < int(locked.headers["Retry-After"]) <= 61
        pass_time(61)
    statuses = [(await post(client, "login", **each)).status_code for each in (WRONG, WRONG, ADA) * 2]
    assert statuses == [401, 401, 200] * 2


async def test_parallel_first_failures_are_all_counted(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    together = asyncio.Barrier(6)

    async def verify_together(password: str, hashed: str | None) -> bool:
        await together.wait()
        return False

    monkeypatch.setattr("app.auth.passwords.verify_password", verify_together)
    client = callers.anybody(await start(auth_lockout_failures=3))

    answers = await asyncio.gather(*(post(client, "login", **NOBODY) for _ in range(6)))

    assert sorted(answer.status_code for answer in answers) == [401] * 3 + [429] * 3


async def test_failures_from_one_address_do_not_lock_out_another_address(start: Start) -> None:
    service = await start(auth_lockout_failures=2)
    attacker, owner = (
        AsyncClient(transport=ASGITransport(service, client=(address, 1)), base_url="http://service.test")
        for address in ("203.0.113.7", "198.51.100.7")
    )
    await post(owner, "register", **ADA)
    for _ in range(3):
        answer = await post(attacker, "login", **WRONG)

    assert answer.status_code == 429
    assert (await post(owner, "login", **ADA)).status_code == 200


async def test_a_login_waits_for_concurrent_failures_and_counts_them(start: Start) -> None:
    client = callers.anybody(service := await start(auth_lockout_failures=2))
    await post(client, "register", **ADA)
    await post(client, "login", **WRONG)
    account = (ADA["email"], "127.0.0.1")

    async with service.state.database.transaction() as session:
        await repository.count_failures(session, *account, lock=True)
        login = asyncio.create_task(post(client, "login", **ADA))
        await asyncio.sleep(0.3)
        await repository.add_failure(session, *account, expires_at=now() + timedelta(minutes=1))

    assert (await login).status_code == 429


async def test_a_login_and_the_erasure_of_the_user_do_not_block_each_other(start: Start) -> None:
    client = callers.anybody(service := await start())
    tokens = await callers.ada(client)
    await post(client, "login", **WRONG)
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    user_id = (await client.get("/api/v1/users/me", headers=bearer)).json()["id"]

    async with service.state.database.transaction() as session:
        await repository.count_failures(session, ADA["email"], "127.0.0.1", lock=True)
        erasure = asyncio.create_task(client.delete("/api/v1/users/me", headers=bearer))
        await asyncio.sleep(0.3)
        assert await Users(session).lock(UUID(user_id))

    assert (await erasure).status_code == 204


async def test_a_refresh_token_works_once_and_a_second_use_ends_its_session(anybody: AsyncClient) -> None:
    stolen = await callers.ada(anybody)
    other = (await post(anybody, "login", **ADA)).json()
    assert (await get_me(anybody, stolen["access_token"])).status_code == 200
    answers = await asyncio.gather(*(refresh(anybody, stolen) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]
    (newest,) = (answer.json() for answer in answers if answer.status_code == 200)
    assert [(await get_me(anybody, tokens["access_token"])).status_code for tokens in (stolen, newest)] == [401, 401]
    assert [(await refresh(anybody, tokens)).status_code for tokens in (newest, other)] == [401, 200]


async def test_a_logout_ends_the_session_and_does_not_reveal_whether_a_token_exists(anybody: AsyncClient) -> None:
    tokens = await callers.ada(anybody)
    assert (await get_me(anybody, tokens["access_token"])).status_code == 200
    for token in (tokens["refresh_token"], "made up"):
        assert (await post(anybody, "logout", refresh_token=token)).status_code == 204
    assert (await get_me(anybody, tokens["access_token"])).status_code == 401
    assert (await refresh(anybody, tokens)).status_code == 401


async def test_a_session_ends_after_a_week_and_is_purged(start: Start, pass_time: Callable[[float], None]) -> None:
    service = await start(auth_lockout_seconds=WEEK)
    client = callers.anybody(service)
    tokens = await callers.ada(client)
    await post(client, "login", **WRONG)
    pass_time(WEEK - 60)
    tokens = (await refresh(client, tokens)).json()
    assert (await get_me(client, tokens["access_token"])).status_code == 200
    pass_time(61)
    assert (await refresh(client, tokens)).status_code == 401
    for login in (ADA, NOBODY):
        await post(client, "login", **login)
    async with service.state.database.transaction() as session:
        await repository.delete_expired(session)
        for model in (LoginSession, RefreshToken, LoginFailures):
            assert len(await stored.all_of(session, model)) == 1
