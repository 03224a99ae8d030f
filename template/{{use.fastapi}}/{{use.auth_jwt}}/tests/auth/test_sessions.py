"""The life of a session: refreshed, reused, ended."""

import asyncio
from collections.abc import Callable

from httpx2 import AsyncClient
from sqlalchemy import func, select

from app.auth import sessions
from app.auth.models import LoginFailures, LoginSession, RefreshToken
from app.database import Database
from tests import callers
from tests.auth.accounts import get_me, log_in, log_out, open_session, refresh
from tests.conftest import Start

WEEK = 7 * 24 * 3600


async def test_a_refresh_token_buys_new_tokens(anybody: AsyncClient) -> None:
    tokens = await open_session(anybody)
    answer = await refresh(anybody, tokens["refresh_token"])
    assert answer.status_code == 200
    assert answer.json()["refresh_token"] != tokens["refresh_token"]
    assert (await get_me(anybody, answer.json()["access_token"])).status_code == 200


async def test_a_refresh_token_used_twice_ends_its_whole_session(anybody: AsyncClient) -> None:
    stolen = await open_session(anybody)
    newest = (await refresh(anybody, stolen["refresh_token"])).json()
    reuse = await refresh(anybody, stolen["refresh_token"])
    assert (reuse.status_code, reuse.json()["code"]) == (401, "unauthenticated")
    assert (await refresh(anybody, newest["refresh_token"])).status_code == 401
    assert (await get_me(anybody, newest["access_token"])).status_code == 401


async def test_a_reuse_leaves_other_sessions_of_the_user_alone(anybody: AsyncClient) -> None:
    stolen = await open_session(anybody)
    other = (await log_in(anybody)).json()
    for _ in range(2):
        await refresh(anybody, stolen["refresh_token"])
    assert (await get_me(anybody, other["access_token"])).status_code == 200
    assert (await refresh(anybody, other["refresh_token"])).status_code == 200


async def test_of_simultaneous_refreshes_one_succeeds(anybody: AsyncClient) -> None:
    tokens = await open_session(anybody)
    answers = await asyncio.gather(*(refresh(anybody, tokens["refresh_token"]) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]


async def test_a_session_ends_when_its_first_refresh_token_would_have(
    anybody: AsyncClient, pass_time: Callable[[float], None]
) -> None:
    tokens = await open_session(anybody)
    pass_time(WEEK - 60)
    newest = (await refresh(anybody, tokens["refresh_token"])).json()
    pass_time(61)
    assert (await refresh(anybody, newest["refresh_token"])).status_code == 401


async def test_only_refresh_tokens_refresh(anybody: AsyncClient) -> None:
    tokens = await open_session(anybody)
    assert (await refresh(anybody, "made up")).status_code == 401
    assert (await refresh(anybody, tokens["access_token"][:200])).status_code == 401


async def test_a_logout_ends_the_session_at_once(anybody: AsyncClient) -> None:
    tokens = await open_session(anybody)
    await get_me(anybody, tokens["access_token"])
    assert (await log_out(anybody, tokens["refresh_token"])).status_code == 204
    assert (await get_me(anybody, tokens["access_token"])).status_code == 401
    assert (await refresh(anybody, tokens["refresh_token"])).status_code == 401


async def test_a_logout_without_a_session_is_none_of_anybodys_business(anybody: AsyncClient) -> None:
    assert (await log_out(anybody, "made up")).status_code == 204


async def test_refresh_tokens_are_stored_as_hashes(anybody: AsyncClient, database: Database) -> None:
    tokens = await open_session(anybody)
    async with database.reading() as session:
        stored = (await session.scalars(select(RefreshToken.hash))).all()
    assert [len(digest) for digest in stored] == [32]
    assert tokens["refresh_token"].encode() not in stored


async def test_the_purge_forgets_what_has_ended_and_nothing_else(
    start: Start, pass_time: Callable[[float], None]
) -> None:
    service = await start(auth_lockout_seconds=WEEK)
    client, database = callers.anybody(service), service.state.database
    await open_session(client)
    await log_in(client, password="a wrong password")  # noqa: S106  # that is the point
    pass_time(WEEK + 1)
    await log_in(client)
    await log_in(client, "nobody@example.com")
    async with database.transaction() as session:
        await sessions.purge(session)
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(LoginSession)) == 1
        assert await session.scalar(select(func.count()).select_from(RefreshToken)) == 1
        assert await session.scalar(select(func.count()).select_from(LoginFailures)) == 1
