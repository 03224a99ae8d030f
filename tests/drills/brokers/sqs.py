"""SQS in the drills.

Nobody kills SQS: a service sees that it cannot be reached. So an outage cuts the connections to the
stand-in, and leaves it running. (ElasticMQ keeps its messages when it is killed, but not the order
of a FIFO queue, not even when it is stopped in order.)
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.components import ensure, free_ports
from tests.components.sqs import ElasticMQ, create_queue, queued


class Network:
    """A port that leads to another one of this machine, until it is cut."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.port = free_ports(1)[0]
        self._listener: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.start()

    def start(self) -> None:
        """Accept connections."""
        self._run(self._listen())

    def kill(self) -> None:
        """Break all connections, and accept no more."""
        self._run(self._cut())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._connect, "127.0.0.1", self.port)

    async def _cut(self) -> None:
        assert self._listener
        self._listener.close()
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {writer, target_writer}
        await asyncio.gather(_copy(reader, target_writer), _copy(target_reader, writer))
        self._writers -= {writer, target_writer}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@dataclass(frozen=True)
class Fifo:
    """A FIFO queue on the session's server."""

    elasticmq: ElasticMQ
    name: str

    @property
    def server(self) -> Network:
        """The network between the service and SQS."""
        return _network(self.elasticmq.port)

    @property
    def version(self) -> str:
        """The version and provenance of the server."""
        return f"{self.elasticmq.version} {self.elasticmq.provenance}"

    @property
    def settings(self) -> dict[str, str]:
        """What the service needs to reach it."""
        path = f"000000000000/{self.name}.fifo"
        return {"QUEUE_URL": f"http://127.0.0.1:{self.server.port}/{path}"}

    @property
    def queued(self) -> int:
        """The number of messages in it, also those being handled."""
        return queued(f"{self.elasticmq.url}/000000000000/{self.name}.fifo")


_network = cache(Network)


def create(name: str) -> Fifo:
    """An empty queue on the server of the session."""
    server = ensure(ElasticMQ)
    create_queue(server.url, name)
    return Fifo(server, name)
