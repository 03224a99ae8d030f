"""Redis in the drills."""

from __future__ import annotations

from dataclasses import dataclass

from tests.components import ensure
from tests.components.redis import DurableRedis


@dataclass(frozen=True)
class Streams:
    """The streams of one service on the session's server."""

    server: DurableRedis

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
        """The number of messages in all partitions, also those being handled."""
        streams = self.server.execute("KEYS", "*.events.[0-9]").splitlines()
        return sum(int(self.server.execute("XLEN", stream)) for stream in streams)


def create(_name: str) -> Streams:
    """The server of the session, which is emptied: only one service uses it at a time."""
    server = ensure(DurableRedis)
    server.execute("FLUSHALL")
    return Streams(server)
