"""The commands that create users."""

import pytest
from click.testing import CliRunner

from app import cli
from app.auth.seed import ADMIN, MEMBER, seed
from app.auth.users.repository import Users
from app.database import Database
from tests.callers import ADA

pytestmark = pytest.mark.usefixtures("environment")


def create_admin(email: str, password: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli.main, ["create-admin", "--email", email], env={"ADMIN_PASSWORD": password})
    return result.exit_code, result.output


def test_an_admin_is_created_once() -> None:
    assert create_admin(ADA["email"], ADA["password"]) == (0, "ada@example.com is an admin\n")
    assert create_admin(ADA["email"], ADA["password"]) == (1, "Error: The email is taken\n")


def test_an_invalid_password_is_reported_in_one_line() -> None:
    assert create_admin(ADA["email"], "short")[1].startswith("Error: password: ")


@pytest.mark.parametrize("missing", [ADMIN, MEMBER])
async def test_the_seed_creates_the_user_that_is_missing(database: Database, missing: str) -> None:
    await seed(database)
    async with database.transaction() as session:
        user = await Users(session).find_by_email(missing)
        assert user
        await Users(session).remove(user)

    await seed(database)

    async with database.reading() as session:
        assert await Users(session).find_by_email(missing)
