"""The brokers of the drills, seen from outside the service: started, asked, killed.

A module with the name of the queue has its class, and `create`. The proof of a row depends only on
the module of its own queue.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from tests.components.outages import Server


class Broker(Protocol):
    """A part of a server that only one service uses."""

    @property
    def server(self) -> Server:
        """The server that it is on."""

    @property
    def version(self) -> str:
        """The version and provenance of the server, like `3.10.8 real`."""

    @property
    def settings(self) -> dict[str, str]:
        """What the service needs to reach it."""

    @property
    def queued(self) -> int:
        """The number of messages that are not acknowledged."""


def create(queue: str, name: str) -> Broker | None:
    """An empty broker for a service with this queue; None if its queue needs none."""
    module_name = f"{__name__}.{queue}"
    if not find_spec(module_name):
        return None
    module: Any = import_module(module_name)
    broker: Broker = module.create(name)
    return broker
