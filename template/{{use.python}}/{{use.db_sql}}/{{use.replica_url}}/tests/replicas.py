"""Databases that stand in for replicas."""

import pytest

from app import migrations
from app.config import settings
from tests.databases import Databases


def create(databases: Databases, environment: pytest.MonkeyPatch) -> str:
    """The URL of a second database. It has all tables, and lacks all rows of the primary."""
    url = databases.create()
    environment.setenv("DATABASE_URL", url)
    settings.cache_clear()
    migrations.upgrade()
    return url
