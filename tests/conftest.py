"""Fixtures for all tests: rendered projects, made once a session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.combinations import written


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`rendered(database="postgresql")` is the folder of that project. Do not change it."""
    made: dict[str, Path] = {}

    def render(**answers: Any) -> Path:
        key = repr(sorted(answers.items()))
        if key not in made:
            made[key] = written(answers, tmp_path_factory.mktemp("rendered") / "shop")
        return made[key]

    return render
