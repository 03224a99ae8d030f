"""Who may register, and as what."""

import pytest
from httpx2 import AsyncClient
from sqlalchemy import select

from app.auth.keys import generate_pem
from app.auth.models import User
from app.database import Database
from tests import callers
from tests.auth.accounts import EMAIL, PASSWORD, log_in, register
from tests.conftest import Start


async def test_whoever_registers_is_a_member(anybody: AsyncClient) -> None:
    answer = await register(anybody)
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/api/v1/users/me"
    assert answer.headers["ETag"] == '"1"'
    assert answer.json()["roles"] == ["member"]
    assert answer.json().keys() == {"id", "email", "roles", "created_at", "updated_at"}


async def test_of_a_password_only_its_argon2id_hash_is_stored(anybody: AsyncClient, database: Database) -> None:
    await register(anybody)
    async with database.reading() as session:
        stored = await session.scalar(select(User.password_hash))
    assert stored is not None
    assert stored.startswith("$argon2id$")


async def test_an_email_is_taken_in_any_spelling(anybody: AsyncClient) -> None:
    await register(anybody)
    answer = await register(anybody, email=EMAIL.upper())
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"password": "too short"}, "/password"),
        ({"password": "x" * 129}, "/password"),
        ({"email": "ada@example"}, "/email"),
        ({"email": "ada\x00@example.com"}, "/email"),
        ({"roles": ["admin"]}, "/roles"),
    ],
)
async def test_bad_accounts_are_refused(anybody: AsyncClient, changes: dict[str, str], pointer: str) -> None:
    body = {"email": EMAIL, "password": PASSWORD} | changes
    answer = await anybody.post("/api/v1/auth/register", json=body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_registration_is_closed_in_production(start: Start) -> None:
    service = await start(app_env="production", auth_private_key=generate_pem())
    answer = await register(callers.anybody(service))
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


async def test_configuration_opens_registration_in_production(start: Start) -> None:
    service = await start(app_env="production", auth_private_key=generate_pem(), auth_registration="open")
    assert (await register(callers.anybody(service))).status_code == 201


async def test_registration_and_login_have_a_stricter_budget_each(start: Start) -> None:
    client = callers.anybody(await start(auth_rate_limit="2/hour"))
    statuses = [(await log_in(client)).status_code for _ in range(3)]
    assert statuses == [401, 401, 429]
    assert (await register(client)).headers["RateLimit-Remaining"] == "1"
