"""What the scripts share that start a server for development."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NoReturn

START_SECONDS = 60
STOP_SECONDS = 30

Process = subprocess.Popen[bytes]


def run_command(server: AbstractContextManager[None]) -> NoReturn:
    """Run the command in the arguments of this script while the server runs. Exit with the code of the command."""
    with server:
        command = subprocess.Popen(sys.argv[1:])
        # Ctrl-C reaches the command, too. The server must stop after it.
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: command.terminate())
        code = command.wait()
    sys.exit(code if code >= 0 else 128 - code)  # like a shell: 128 plus the number of the signal


def accepts_connections(host: str, port: int) -> bool:
    """Whether a server listens at an address."""
    try:
        socket.create_connection((host, port), timeout=3).close()
    except OSError:
        return False
    return True


@contextmanager
def running(
    command: Sequence[str | Path],
    log: Path = Path(os.devnull),
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Iterator[Process]:
    """Run a program in a folder while the context lasts, with its output in a file. Ctrl-C does not reach it."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            _end(process)


def _end(process: Process) -> None:
    """End a program and its children: some programs are scripts, and the server is their child."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until(is_ready: Callable[[], bool], process: Process, title: str, hint: str) -> None:
    """Wait until a server is ready. End this script with an error message if its process ends, or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            fail(f"{title} did not start", hint)
        time.sleep(0.05)


def container_starts(service: str) -> bool:
    """Start a service of compose.yaml. False without Docker, or if it fails."""
    if not shutil.which("docker"):
        return False
    command = ["docker", "compose", "up", "--quiet-pull", "--detach", "--wait", service]
    return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0


def fail(problem: str, hint: str) -> NoReturn:
    """End this script with an error message."""
    sys.exit(f"error: {problem}\n\nhint: {hint}")
