"""The servers that a project starts for development."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.components import ensure, free_ports
from tests.components.postgresql import PostgreSQL
from tests.runtimes.python import install
from tests.services import generate, tool_environment

CREATE_AND_COUNT_TABLES = """
import asyncio
import os

import asyncpg

async def main():
    connection = await asyncpg.connect(os.environ["DATABASE_URL"].replace("+asyncpg", ""))
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
    await connection.execute("INSERT INTO kept VALUES (1)")
    print(await connection.fetchval("SELECT count(*) FROM kept"))
    await connection.close()

asyncio.run(main())
"""


@pytest.fixture
def name() -> Iterator[str]:
    """A name that no other project has. The data that its projects leave for root is removed."""
    name = f"shop-{uuid4().hex}"
    yield name
    if os.getuid() == 0:
        for data in Path(pwd.getpwnam("postgres").pw_dir).glob(f"{name}*"):
            shutil.rmtree(data)


def test_projects_with_the_same_name_do_not_share_data(name: str, tmp_path: Path) -> None:
    ensure(PostgreSQL)
    flags = ["--database", "postgresql", "--auth", "none", "--queue", "none", "--defaults"]
    first, second = [generate(tmp_path / parent / name, *flags) for parent in ("a", "b")]

    assert [_rows_written(project) for project in (first, second, first)] == ["1", "1", "2"]


def _rows_written(project: Path) -> str:
    """Add a row to a table on the project's own server; gives the number of its rows."""
    url = f"postgresql+asyncpg://app:app@localhost:{free_ports(1)[0]}/app"
    python = str(install(project).interpreter)
    command = [python, "scripts/local_postgresql.py", python, "-c", CREATE_AND_COUNT_TABLES]
    done = subprocess.run(
        command,
        cwd=project,
        env={**tool_environment(), "PYTHONPATH": "src", "DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
