"""What drills do to the servers that a service needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Server(Protocol):
    """A component that keeps its port, and what it has stored, when it starts again."""

    def start(self) -> None:
        """Start it and wait until it answers."""

    def kill(self) -> None:
        """`kill -9`."""


class Stoppable(Server, Protocol):
    """A server that can also end in order."""

    def stop(self) -> None:
        """End it, breaking its connections."""


@contextmanager
def stopped(server: Stoppable) -> Iterator[None]:
    """The server is stopped, breaking every connection, and started again at the end."""
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def killed(server: Server) -> Iterator[None]:
    """The server is killed, and started again at the end."""
    server.kill()
    try:
        yield
    finally:
        server.start()
