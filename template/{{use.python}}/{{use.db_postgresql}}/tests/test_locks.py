"""A migration must not lock a table that is in use. Squawk reads the SQL of each migration and names what does."""

import re
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

SQUAWK = Path(sys.executable).with_name("squawk")
ABOUT_STYLE = "prefer-text-field,prefer-bigint-over-int,prefer-identity,prefer-robust-stmts"
ABOUT_TIMEOUTS = "require-lock-timeout,require-statement-timeout"
"""These rules also complain about tables that the same migration creates."""

RECIPES = re.findall(r"^```python\n(.*?)^```", Path("docs/postgresql.md").read_text(), re.MULTILINE | re.DOTALL)

INDEX = """
def upgrade() -> None:
    op.create_index("ix_orders_note", "orders", ["note"])
"""
REQUIRED_COLUMN = """
def upgrade() -> None:
    op.add_column("orders", sa.Column("size", sa.Integer(), nullable=False))
"""
CHECK = """
def upgrade() -> None:
    op.create_check_constraint("note_length", "orders", "length(note) <= 500")
"""


@pytest.fixture
def migrations(tmp_path: Path) -> Config:
    """A copy of the migrations. Tests add migrations to it; none runs."""
    config = Config("alembic.ini", output_buffer=StringIO())
    config.set_main_option("script_location", str(shutil.copytree("migrations", tmp_path / "migrations")))
    return config


def findings(config: Config, revision: str) -> str:
    """What Squawk finds in one migration."""
    script = ScriptDirectory.from_config(config).get_revision(revision)
    output = config.output_buffer = StringIO()
    command.upgrade(config, f"{script.down_revision or 'base'}:{revision}", sql=True)
    options = ["--reporter=gcc", f"--exclude={ABOUT_STYLE},{ABOUT_TIMEOUTS}"]
    result = subprocess.run(  # noqa: S603  # the program is a constant
        [SQUAWK, *options], input=output.getvalue(), capture_output=True, text=True, check=False
    )
    assert result.returncode in (0, 1), result.stderr
    return result.stdout


def added(config: Config, upgrade: str) -> str:
    """Add a migration. Returns its id."""
    revision = command.revision(config, message="change", rev_id="added")
    assert not isinstance(revision, list)
    assert revision is not None
    path = Path(revision.path)
    path.write_text(path.read_text().partition("def upgrade")[0] + upgrade)
    return revision.revision


def test_no_migration_locks_a_table_that_is_in_use(migrations: Config) -> None:
    revisions = [script.revision for script in ScriptDirectory.from_config(migrations).walk_revisions()]

    assert {revision: findings(migrations, revision) for revision in revisions} == dict.fromkeys(revisions, "")


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_recipes_lock_no_table(migrations: Config, recipe: str) -> None:
    assert findings(migrations, added(migrations, recipe)) == ""


@pytest.mark.parametrize(
    ("upgrade", "rule"),
    [
        (INDEX, "require-concurrent-index-creation"),
        (REQUIRED_COLUMN, "adding-required-field"),
        (CHECK, "constraint-missing-not-valid"),
    ],
)
def test_a_migration_that_locks_a_table_is_found(migrations: Config, upgrade: str, rule: str) -> None:
    assert rule in findings(migrations, added(migrations, upgrade))
