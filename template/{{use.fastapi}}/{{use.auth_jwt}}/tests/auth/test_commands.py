"""The commands of identity."""

import asyncio

import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr
from sqlalchemy import select

from app.auth.keys import KeyRing
from app.auth.models import User
from app.auth.permissions import Role
from app.auth.schemas import Login
from app.auth.sessions import Sessions
from app.cli import main
from app.config import Settings, settings
from app.database import Database
from tests.auth.accounts import EMAIL, PASSWORD

pytestmark = pytest.mark.usefixtures("environment")


def create_admin(email: str = EMAIL, password: str = PASSWORD) -> Result:
    return CliRunner().invoke(main, ["create-admin", "--email", email], env={"ADMIN_PASSWORD": password})


def test_an_admin_is_made_who_can_log_in() -> None:
    assert create_admin(email=EMAIL.upper()).exit_code == 0
    roles, token = asyncio.run(_log_in())
    assert roles == [Role.ADMIN]
    assert KeyRing(settings()).verify(token)


def test_an_email_becomes_an_admin_once() -> None:
    create_admin()
    result = create_admin()
    assert result.exit_code == 1
    assert "The email is taken" in result.stderr


@pytest.mark.parametrize(("email", "password", "named"), [("ada", PASSWORD, "email"), (EMAIL, "short", "password")])
def test_an_admin_needs_an_email_and_a_password_that_can_log_in(email: str, password: str, named: str) -> None:
    result = create_admin(email, password)
    assert result.exit_code == 1
    assert named in result.stderr
    assert "Traceback" not in result.output
    assert password not in result.output


def test_a_generated_key_is_fit_for_production() -> None:
    keys = [CliRunner().invoke(main, ["generate-key"]).stdout for _ in range(2)]
    assert keys[0] != keys[1]
    written_in_one_line = keys[0].strip().replace("\n", "\\n")
    ring = KeyRing(Settings(app_env="production", auth_private_key=SecretStr(written_in_one_line)))
    assert ring.public_keys() == KeyRing(Settings(auth_private_key=SecretStr(keys[0]))).public_keys()


async def _log_in() -> tuple[list[Role], str]:
    database = Database(settings())
    sessions = Sessions(settings(), database, KeyRing(settings()))
    tokens = await sessions.log_in(Login(email=EMAIL, password=PASSWORD))
    async with database.reading() as session:
        (user,) = (await session.scalars(select(User))).all()
    await database.close()
    return user.roles, tokens.access_token
