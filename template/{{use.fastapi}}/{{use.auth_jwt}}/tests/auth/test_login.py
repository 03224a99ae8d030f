"""Logging in, and what guessing passwords comes to."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from argon2 import PasswordHasher
from httpx2 import AsyncClient, Response

from app.auth import passwords
from tests import callers
from tests.auth.accounts import EMAIL, get_me, log_in, open_session, register
from tests.conftest import Start

NOBODY = "nobody@example.com"


async def fail(client: AsyncClient, times: int = 1, email: str = EMAIL) -> list[Response]:
    return [await log_in(client, email, "a wrong password") for _ in range(times)]


async def test_a_login_answers_with_the_tokens_of_a_session(anybody: AsyncClient) -> None:
    tokens = await open_session(anybody)
    assert tokens.keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 900)
    assert (await get_me(anybody, tokens["access_token"])).json()["email"] == EMAIL


async def test_a_wrong_password_and_an_unknown_email_are_answered_alike(anybody: AsyncClient) -> None:
    await register(anybody)
    answers = [*await fail(anybody), *await fail(anybody, email=NOBODY)]
    wrong, unknown = (_without_occasion(answer) for answer in answers)
    assert wrong == unknown
    assert (answers[0].status_code, answers[0].json()["code"]) == (401, "invalid_credentials")
    assert "WWW-Authenticate" in answers[0].headers


async def test_an_unknown_email_costs_as_much_work_as_a_known_one(
    anybody: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes: list[str] = []
    verify = PasswordHasher.verify

    def count(self: PasswordHasher, hashed: str, password: str) -> bool:
        hashes.append(hashed)
        return verify(self, hashed, password)

    monkeypatch.setattr(PasswordHasher, "verify", count)
    await register(anybody)
    await fail(anybody)
    await fail(anybody, email=NOBODY)
    known, unknown = (_cost(hashed) for hashed in hashes)
    assert known == unknown


async def test_an_account_is_locked_after_too_many_failures(start: Start) -> None:
    client = callers.anybody(await start(auth_lockout_failures=3))
    await register(client)
    await fail(client, times=3)
    answer = await log_in(client)
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert 890 < int(answer.headers["Retry-After"]) <= 901


async def test_an_account_that_does_not_exist_is_locked_alike(start: Start) -> None:
    client = callers.anybody(await start(auth_lockout_failures=3))
    assert [answer.status_code for answer in await fail(client, times=4, email=NOBODY)] == [401, 401, 401, 429]


async def test_locks_and_failures_are_forgotten_in_time(start: Start, pass_time: Callable[[float], None]) -> None:
    client = callers.anybody(await start(auth_lockout_failures=2, auth_lockout_seconds=60))
    await register(client)
    await fail(client, times=2)
    assert (await log_in(client)).status_code == 429
    pass_time(61)
    await fail(client)
    assert (await log_in(client)).status_code == 200


async def test_a_login_clears_the_failures_before_it(start: Start) -> None:
    client = callers.anybody(await start(auth_lockout_failures=2))
    await register(client)
    for _ in range(2):
        await fail(client)
        assert (await log_in(client)).status_code == 200


async def test_failures_at_the_same_time_are_all_counted(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never_matches(password: str, hashed: str | None) -> bool:
        return False

    monkeypatch.setattr(passwords, "verify_password", never_matches)
    client = callers.anybody(await start(auth_lockout_failures=5))
    answers = await asyncio.gather(*(log_in(client) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {401}
    assert (await log_in(client)).status_code == 429


def _without_occasion(answer: Response) -> tuple[dict[str, Any], set[str]]:
    body = {name: value for name, value in answer.json().items() if name not in ("request_id", "timestamp")}
    return body, set(answer.headers)


def _cost(hashed: str) -> list[str]:
    """The parameters of an argon2 hash, without its salt and digest."""
    return hashed.split("$")[:4]
