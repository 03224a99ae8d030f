"""One real socket for the reference, which each test replaces by its own."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn

from .reference import Reference


@dataclass
class Server:
    """What answers at `url` is `app`, whichever that is at the moment."""

    url: str
    app: Any

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def running() -> Iterator[Server]:
    # asyncio turns Nagle's algorithm off on sockets that name their protocol, and on no other.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    app = Server(f"http://127.0.0.1:{listening.getsockname()[1]}", None)
    uvicorn_server = uvicorn.Server(
        uvicorn.Config(
            app,
            lifespan="off",
            # It lets every method through, so that the reference can fail to bound them.
            http="h11",
            log_level="critical",
            server_header=False,
            # It would believe X-Forwarded-For.
            proxy_headers=False,
        )
    )
    thread = threading.Thread(target=uvicorn_server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not uvicorn_server.started:
        time.sleep(0.01)
    yield app
    uvicorn_server.should_exit = True
    thread.join()


@pytest.fixture
def server(running: Server) -> Server:
    running.app = Reference()
    return running
