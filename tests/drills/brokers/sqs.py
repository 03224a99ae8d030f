"""SQS in the drills."""

from __future__ import annotations

from dataclasses import dataclass

from tests.components import ensure
from tests.components.sqs import ElasticMQ, create_queue, queued


@dataclass(frozen=True)
class Fifo:
    """A FIFO queue on the session's server."""

    server: ElasticMQ
    url: str

    @property
    def version(self) -> str:
        """The version and provenance of the server."""
        return f"{self.server.version} {self.server.provenance}"

    @property
    def settings(self) -> dict[str, str]:
        """What the service needs to reach it."""
        return {"QUEUE_URL": self.url}

    @property
    def queued(self) -> int:
        """The number of messages in it, also those being handled."""
        return queued(self.url)


def create(name: str) -> Fifo:
    """An empty queue on the server of the session."""
    server = ensure(ElasticMQ)
    return Fifo(server, create_queue(server.url, name))
