"""Migrates the schema with Alembic. The migrations are in the folder `migrations`."""

from alembic import command
from alembic.config import Config


def upgrade() -> None:
    """Migrate the database to the newest version of the schema."""
    command.upgrade(Config("alembic.ini"), "head")


def downgrade() -> None:
    """Undo all migrations, which deletes all rows."""
    command.downgrade(Config("alembic.ini"), "base")
