"""Real servers for tests: each is a fresh instance on a free port, ended by its own pid.

`ensure(PostgreSQL)` gives one instance for the whole session. A new component is a class with the
attributes of `Component`, in a module with the name of the choice that needs it.
"""

from __future__ import annotations

import atexit
import os
from typing import TypeVar

import pytest

from tests.components.process import (
    Component,
    MissingComponentError,
    Process,
    free_ports,
    wait_until,
)

__all__ = [
    "Component",
    "MissingComponentError",
    "Process",
    "ensure",
    "free_ports",
    "wait_until",
]

Server = TypeVar("Server", bound=Component)
_running: dict[type[Component], Component] = {}


def ensure(kind: type[Server]) -> Server:
    """The running component of this class, started at the first call of the session.

    A component that this machine lacks skips the test and names itself; with CI=true it fails the
    test.
    """
    if kind not in _running:
        try:
            _running[kind] = kind()
        except MissingComponentError as missing:
            _refuse(missing)
        atexit.register(_running[kind].close)
    server = _running[kind]
    assert isinstance(server, kind)
    return server


def _refuse(missing: MissingComponentError) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(str(missing), pytrace=False)
    pytest.skip(str(missing))
