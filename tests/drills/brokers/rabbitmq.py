"""RabbitMQ in the drills."""

from __future__ import annotations

from dataclasses import dataclass

from tests.components import ensure
from tests.components.rabbitmq import RabbitMQ


@dataclass(frozen=True)
class VirtualHost:
    """A virtual host of the session's server."""

    server: RabbitMQ
    name: str

    @property
    def version(self) -> str:
        """The version and provenance of the server."""
        return f"{self.server.version} {self.server.provenance}"

    @property
    def settings(self) -> dict[str, str]:
        """What the service needs to reach it."""
        return {"QUEUE_URL": self.server.host_url(self.name)}

    @property
    def queued(self) -> int:
        """The number of messages in all its queues, also those being handled."""
        return sum(self.server.queued(self.name).values())


def create(name: str) -> VirtualHost:
    """An empty virtual host on the server of the session."""
    server = ensure(RabbitMQ)
    server.create_host(name)
    return VirtualHost(server, name)
