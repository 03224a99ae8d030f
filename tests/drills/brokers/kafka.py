"""Kafka in the drills."""

from __future__ import annotations

from dataclasses import dataclass

from tests.components import ensure
from tests.components.kafka import Kafka


@dataclass(frozen=True)
class Cluster:
    """The server of the session: a service names its topics, so two cannot share it."""

    server: Kafka
    group: str

    @property
    def version(self) -> str:
        """The version and provenance of the server."""
        return f"{self.server.version} {self.server.provenance}"

    @property
    def settings(self) -> dict[str, str]:
        """What the service needs to reach it."""
        return {"QUEUE_URL": self.server.url}

    @property
    def queued(self) -> int:
        """The number of messages that the service has not committed."""
        return self.server.queued(self.group)


def create(name: str) -> Cluster:
    """The server of the session, without topics."""
    server = ensure(Kafka)
    server.clear()
    return Cluster(server, "drill")
