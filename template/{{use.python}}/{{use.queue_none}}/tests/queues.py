"""There is no queue to test with."""

import pytest

SECRETS: dict[str, str] = {}
"""The settings that production requires."""


@pytest.fixture
def queue() -> None:
    """Nothing: there is no queue."""
