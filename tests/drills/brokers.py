"""The brokers of the drills, seen from outside the service: started, asked, killed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.components import RabbitMQ, ensure


@dataclass(frozen=True)
class Rabbit:
    """A virtual host of the session's server."""

    server: RabbitMQ
    host: str

    @property
    def settings(self) -> dict[str, str]:
        """What the service needs to reach it."""
        return {"QUEUE_URL": self.server.host_url(self.host)}

    @property
    def queued(self) -> int:
        """The number of messages in it, also those being handled."""
        return sum(self.server.queued(self.host).values())

    @contextmanager
    def killed(self) -> Iterator[None]:
        """The server is killed, and started again at the end."""
        self.server.kill()
        try:
            yield
        finally:
            self.server.start()


def fresh(queue: str, name: str) -> Rabbit | None:
    """An empty broker for a service with this queue; None if its queue needs none."""
    if queue != "rabbitmq":
        return None
    server = ensure("rabbitmq")
    server.create_host(name)
    return Rabbit(server, name)
