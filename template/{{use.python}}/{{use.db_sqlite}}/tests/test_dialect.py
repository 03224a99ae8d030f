"""What is specific to SQLite."""

from pathlib import Path

import pytest
from sqlalchemy import text

from app import worker
from app.config import Settings
from app.database import Database

FULL = 2


async def test_a_commit_is_on_the_disk_when_it_returns(database: Database) -> None:
    async with database.transaction() as session:
        assert await session.scalar(text("PRAGMA synchronous")) == FULL


def test_a_file_that_is_not_a_database_ends_the_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "app.db"
    path.write_text("This is a text, and long enough to be read as a header." * 20)

    with pytest.raises(SystemExit, match="78"):
        worker.check_database(Settings(app_env="test", database_url=f"sqlite+aiosqlite:///{path}"))

    assert capsys.readouterr().err.startswith("error: DATABASE_URL: ")
