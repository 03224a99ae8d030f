"""The cache for tests: each service has its own."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

SECRETS: dict[str, str] = {}
"""The settings that production requires."""


@contextmanager
def served() -> Iterator[dict[str, str]]:
    """The environment variables of a cache for a test run."""
    yield {}


def isolate(patch: pytest.MonkeyPatch) -> None:
    """Hide the values of other tests. A new cache has none."""
