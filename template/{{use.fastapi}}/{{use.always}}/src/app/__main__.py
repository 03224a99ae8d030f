"""Serves the API: `python -m app`. With `--reload`, the server restarts when a file changes."""

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import structlog
import uvicorn
from starlette.datastructures import State
from uvicorn.supervisors import ChangeReload

from app import metrics
from app.config import Settings, settings_or_exit
from app.lifecycle import exit_after, listen
from app.main import create_app
from app.worker import check_servers

log = structlog.get_logger()


def main() -> None:
    settings = settings_or_exit()
    check_servers(settings)
    metrics.check_port(settings)
    if "--reload" in sys.argv:
        _serve_and_reload(settings)
    else:
        _serve(settings)


def _serve_and_reload(settings: Settings) -> None:
    config = uvicorn.Config(
        "app.main:create_app",
        factory=True,
        reload=True,
        reload_dirs=["src"],
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_level="warning",
    )
    with listen(settings.host, settings.port, "PORT") as listener:
        sys.stdout.write(f"Serving {_url(listener)}{'/docs' if settings.serves_docs else ''}\n")
        sys.stdout.flush()
        ChangeReload(config, target=uvicorn.Server(config).run, sockets=[listener]).run()


def _serve(settings: Settings) -> None:
    service = create_app(settings)
    config = uvicorn.Config(
        service,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        # Longer than the 60 seconds of usual load balancers, so that they close idle connections first.
        timeout_keep_alive=65,
    )
    with listen(settings.host, settings.port, "PORT") as listener:
        log.info("api started", url=_url(listener))
        Server(config, service.state, settings).run(sockets=[listener])


def _url(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """Drains before it stops: readiness turns 503 first, so that the load balancer sends no more requests."""

    def __init__(self, config: uvicorn.Config, state: State, settings: Settings) -> None:
        super().__init__(config)
        self._state = state
        self._drain_seconds = settings.drain_seconds
        self._grace_seconds = settings.shutdown_grace_seconds
        self._stop_at: float | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Uvicorn would raise the signal again at the end, but a clean stop must exit with 0.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle_exit)
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._state.draining:
            os._exit(128 + sig)
        self._state.draining = True
        self._stop_at = time.monotonic() + self._drain_seconds
        exit_after(self._grace_seconds)

    async def on_tick(self, counter: int) -> bool:
        if self._stop_at is not None and time.monotonic() >= self._stop_at:
            self.should_exit = True
        return await super().on_tick(counter)


if __name__ == "__main__":
    main()
