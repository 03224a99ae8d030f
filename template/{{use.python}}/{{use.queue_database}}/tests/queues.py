"""The queue for tests, which is in their database."""

import pytest

SECRETS: dict[str, str] = {}
"""The settings that production requires."""


@pytest.fixture
def queue() -> None:
    """An empty queue: the database of the test."""
