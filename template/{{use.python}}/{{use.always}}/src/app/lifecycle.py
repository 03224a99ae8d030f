"""How processes stop, and how background tasks wait."""

import asyncio
import os
import signal
import socket
import sys
import threading

EXIT_KILLED = 1
"""The exit code of a process that did not stop within the grace period."""


def listen(host: str, port: int, variable: str) -> socket.socket:
    """A socket that listens. If the port is taken, end the process and name the environment variable to change."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        hint = f"set HOST or {variable}, or stop the process that listens there"
        reason = (error.strerror or "").partition(" (")[0]  # Python adds the address
        sys.exit(f"error: cannot listen on port {port}: {reason}\n\nhint: {hint}")


def stop_on_signal(grace_seconds: float) -> asyncio.Event:
    """An event that the first SIGTERM or SIGINT sets. The second signal ends the process at once."""
    stop = asyncio.Event()

    def handle(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()
        exit_after(grace_seconds)

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, handle, number)
    return stop


def exit_after(seconds: float) -> None:
    """End the process after `seconds`, with exit code 1, even if something still runs.

    Nothing is lost: open transactions roll back and leases expire.
    """
    timer = threading.Timer(seconds, _exit)
    timer.daemon = True
    timer.start()


async def wait(event: asyncio.Event, seconds: float) -> None:
    """Return when the event is set, or after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass


def _exit() -> None:
    sys.stderr.write("error: the process did not stop within SHUTDOWN_GRACE_SECONDS\n")
    sys.stderr.flush()
    os._exit(EXIT_KILLED)
