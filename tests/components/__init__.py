"""Real servers for tests: each is a fresh instance on a free port, ended by its own pid.

`ensure("postgresql")` gives one instance for the whole session. A new component is a class in a
module of its own, with the attributes of `Component`, and one line in `_LAUNCHERS`.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from typing import Literal, overload

import pytest

from tests.components.mariadb import MariaDB
from tests.components.memcached import Memcached
from tests.components.postgresql import PostgreSQL
from tests.components.process import (
    Component,
    MissingComponentError,
    Process,
    free_ports,
    wait_until,
)
from tests.components.rabbitmq import RabbitMQ
from tests.components.redis import Redis

__all__ = [
    "Component",
    "MariaDB",
    "Memcached",
    "MissingComponentError",
    "PostgreSQL",
    "Process",
    "RabbitMQ",
    "Redis",
    "ensure",
    "free_ports",
    "wait_until",
]

_LAUNCHERS: dict[str, Callable[[], Component]] = {
    "mariadb": MariaDB,
    "memcached": Memcached,
    "postgresql": PostgreSQL,
    "rabbitmq": RabbitMQ,
    "redis": Redis,
}
_running: dict[str, Component] = {}


@overload
def ensure(name: Literal["mariadb"]) -> MariaDB: ...
@overload
def ensure(name: Literal["memcached"]) -> Memcached: ...
@overload
def ensure(name: Literal["postgresql"]) -> PostgreSQL: ...
@overload
def ensure(name: Literal["rabbitmq"]) -> RabbitMQ: ...
@overload
def ensure(name: Literal["redis"]) -> Redis: ...
@overload
def ensure(name: str) -> Component: ...
def ensure(name: str) -> Component:
    """The running component `name`, started at the first call of the session.

    A component that this machine lacks skips the test and names itself; with CI=true it fails the
    test.
    """
    if name not in _running:
        try:
            _running[name] = _LAUNCHERS[name]()
        except MissingComponentError as missing:
            _refuse(missing)
        atexit.register(_running[name].close)
    return _running[name]


def _refuse(missing: MissingComponentError) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(str(missing), pytrace=False)
    pytest.skip(str(missing))
