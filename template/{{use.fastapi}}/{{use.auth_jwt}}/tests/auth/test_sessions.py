"""From registration to logout, and what guessing passwords and stealing tokens comes to."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from argon2 import PasswordHasher
from httpx2 import AsyncClient, Response
from sqlalchemy import func, select

from app.auth import passwords, sessions
from app.auth.models import LoginFailures, LoginSession, RefreshToken, User
from app.database import Database
from tests import callers
from tests.callers import ADA, SECRETS, get_me, post
from tests.conftest import Start

WEEK = 7 * 24 * 3600
WRONG = ADA | {"password": "a wrong password"}
NOBODY = ADA | {"email": "nobody@example.com"}


async def refresh(client: AsyncClient, tokens: dict[str, Any]) -> Response:
    return await post(client, "refresh", refresh_token=tokens["refresh_token"])


async def test_whoever_registers_is_a_member_and_takes_the_email_in_any_spelling(anybody: AsyncClient) -> None:
    answer = await post(anybody, "register", **ADA)
    assert (answer.status_code, answer.headers["Location"]) == (201, "/api/v1/users/me")
    assert answer.json().keys() == {"id", "email", "roles", "created_at", "updated_at"}
    assert answer.json()["roles"] == ["member"]
    again = await post(anybody, "register", **ADA | {"email": "ADA@example.com"})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    "change",
    [{"password": "too short"}, {"password": "x" * 129}, {"email": "ada\x00@example.com"}, {"roles": ["admin"]}],
)
async def test_bad_accounts_are_refused(anybody: AsyncClient, change: dict[str, Any]) -> None:
    answer = await post(anybody, "register", **ADA | change)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{field}" for field in change]


@pytest.mark.parametrize(("setting", "status"), [(None, 403), ("open", 201)])
async def test_production_registers_nobody_unless_told_to(start: Start, setting: str | None, status: int) -> None:
    service = await start(app_env="production", auth_registration=setting, **SECRETS)
    assert (await post(callers.anybody(service), "register", **ADA)).status_code == status


async def test_only_hashes_of_passwords_and_refresh_tokens_are_stored(anybody: AsyncClient, database: Database) -> None:
    tokens = await callers.ada(anybody)
    async with database.reading() as session:
        password, token = (await session.execute(select(User.password_hash, RefreshToken.hash))).one()
    assert password.startswith("$argon2id$")
    assert len(token) == 32
    assert token != tokens["refresh_token"].encode()


async def test_a_login_answers_with_the_tokens_of_a_session(anybody: AsyncClient) -> None:
    tokens = await callers.ada(anybody)
    assert tokens.keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 900)
    assert (await get_me(anybody, tokens["access_token"])).json()["email"] == ADA["email"]


async def test_credentials_have_a_stricter_budget(start: Start) -> None:
    client = callers.anybody(await start(auth_rate_limit="2/hour"))
    assert [(await post(client, "login", **ADA)).status_code for _ in range(3)] == [401, 401, 429]


async def test_a_wrong_password_and_an_unknown_email_get_the_same_answer_for_the_same_work(
    anybody: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes, verify = [], PasswordHasher.verify

    def count(self: PasswordHasher, hashed: str, password: str) -> bool:
        hashes.append(hashed)
        return verify(self, hashed, password)

    monkeypatch.setattr(PasswordHasher, "verify", count)
    await post(anybody, "register", **ADA)
    answers = [await post(anybody, "login", **login) for login in (WRONG, NOBODY)]
    wrong, unknown = (answer.json() | {"request_id": "", "timestamp": ""} for answer in answers)
    assert wrong == unknown
    assert (wrong["status"], wrong["code"]) == (401, "invalid_credentials")
    costs = [hashed.split("$")[:4] for hashed in hashes]
    assert len(costs) == 2
    assert costs[0] == costs[1]


@pytest.mark.parametrize("login", [WRONG, NOBODY], ids=["known", "unknown"])
async def test_an_account_is_locked_for_a_while_after_too_many_failures(
    start: Start, pass_time: Callable[[float], None], login: dict[str, str]
) -> None:
    client = callers.anybody(await start(auth_lockout_failures=2, auth_lockout_seconds=60))
    await post(client, "register", **ADA)
    answers = [await post(client, "login", **login) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert 50 < int(answers[2].headers["Retry-After"]) <= 61
    assert (await post(client, "login", **login | {"password": ADA["password"]})).status_code == 429
    pass_time(61)
    assert (await post(client, "login", **login)).status_code == 401


async def test_a_login_clears_the_failures_before_it(start: Start) -> None:
    client = callers.anybody(await start(auth_lockout_failures=2))
    await post(client, "register", **ADA)
    assert [(await post(client, "login", **login)).status_code for login in (WRONG, ADA) * 2] == [401, 200] * 2


async def test_failures_at_the_same_time_are_all_counted(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never_matches(password: str, hashed: str | None) -> bool:
        return False

    monkeypatch.setattr(passwords, "verify_password", never_matches)
    client = callers.anybody(await start(auth_lockout_failures=5))
    answers = await asyncio.gather(*(post(client, "login", **ADA) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {401}
    assert (await post(client, "login", **ADA)).status_code == 429


async def test_a_refresh_token_used_twice_ends_its_session_and_no_other(anybody: AsyncClient) -> None:
    stolen = await callers.ada(anybody)
    other = (await post(anybody, "login", **ADA)).json()
    newest = (await refresh(anybody, stolen)).json()
    assert (await get_me(anybody, newest["access_token"])).status_code == 200
    reuse = await refresh(anybody, stolen)
    assert (reuse.status_code, reuse.json()["code"]) == (401, "unauthenticated")
    assert (await refresh(anybody, newest)).status_code == 401
    assert (await get_me(anybody, newest["access_token"])).status_code == 401
    assert (await refresh(anybody, other)).status_code == 200


async def test_of_simultaneous_refreshes_one_succeeds(anybody: AsyncClient) -> None:
    tokens = await callers.ada(anybody)
    answers = await asyncio.gather(*(refresh(anybody, tokens) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]


async def test_a_session_ends_a_week_after_its_login(anybody: AsyncClient, pass_time: Callable[[float], None]) -> None:
    tokens = await callers.ada(anybody)
    pass_time(WEEK - 60)
    newest = (await refresh(anybody, tokens)).json()
    pass_time(61)
    assert (await refresh(anybody, newest)).status_code == 401


async def test_a_logout_ends_the_session_at_once_and_tells_nothing(anybody: AsyncClient) -> None:
    tokens = await callers.ada(anybody)
    assert (await get_me(anybody, tokens["access_token"])).status_code == 200
    for token in (tokens["refresh_token"], "made up"):
        assert (await post(anybody, "logout", refresh_token=token)).status_code == 204
    assert (await get_me(anybody, tokens["access_token"])).status_code == 401
    assert (await refresh(anybody, tokens)).status_code == 401


async def test_the_purge_forgets_what_has_ended_and_nothing_else(
    start: Start, pass_time: Callable[[float], None]
) -> None:
    service = await start(auth_lockout_seconds=WEEK)
    client, database = callers.anybody(service), service.state.database
    await callers.ada(client)
    await post(client, "login", **WRONG)
    pass_time(WEEK + 1)
    for login in (ADA, NOBODY):
        await post(client, "login", **login)
    async with database.transaction() as session:
        await sessions.purge(session)
        for model in (LoginSession, RefreshToken, LoginFailures):
            assert await session.scalar(select(func.count()).select_from(model)) == 1
