"""What all components share: processes, ports, users, and how to wait for them."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

Provenance = Literal["real", "compatible"]
REAL: Provenance = "real"


class Component(Protocol):
    """A running server for tests."""

    @property
    def provenance(self) -> Provenance:
        """`real`, or `compatible` for a stand-in that speaks the same protocol."""

    @property
    def version(self) -> str:
        """The version of the server, as in `15.12`."""

    @property
    def url(self) -> str:
        """Where clients reach it."""

    def close(self) -> None:
        """Stop the server and remove its data."""


class MissingComponentError(Exception):
    """This machine lacks a component; the message names it and says how to get it."""


@dataclass
class Process:
    """A child process in a group of its own, with its output in the file `log`."""

    command: Sequence[str]
    log: Path
    env: dict[str, str] | None = None
    cwd: Path | None = None
    _popen: subprocess.Popen[bytes] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        with self.log.open("ab") as output:
            self._popen = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.env,
                cwd=self.cwd,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The id of the process, and of its group."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number when a signal ended it."""
        return self._popen.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process alone, if it still runs."""
        if self.exit_code is None:
            self._popen.send_signal(number)

    def wait(self, seconds: float) -> int:
        """Its exit code; raises subprocess.TimeoutExpired when it runs longer than `seconds`."""
        return self._popen.wait(seconds)

    def kill(self) -> None:
        """`kill -9` of the whole group, and wait until it is gone."""
        if self.exit_code is None:
            os.killpg(self.pid, signal.SIGKILL)
            self._popen.wait(10)


def free_ports(count: int) -> list[int]:
    """`count` different free ports of the loopback address (all are bound before one is let go)."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


def wait_until(
    holds: Callable[[], bool], seconds: float, complaint: str, process: Process | None = None
) -> float:
    """Wait until `holds()`; gives the seconds it took.

    Raises AssertionError with `complaint` after `seconds`, and at once when `process` has ended,
    with the end of its log.
    """
    began = time.monotonic()
    while not holds():
        ended = process is not None and process.exit_code is not None
        if ended or time.monotonic() - began > seconds:
            tail = process.log.read_text(errors="replace")[-2000:] if process else ""
            raise AssertionError(f"{complaint} within {seconds} s\n{tail}")
        time.sleep(0.02)
    return time.monotonic() - began


def program(name: str, component: str, package: str) -> str:
    """The path of a program. Raises `MissingComponentError` when this machine lacks it."""
    if found := shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin"):
        return found
    raise MissingComponentError(f"{component} is not installed: apt-get install {package}")


def unprivileged_user(name: str) -> pwd.struct_passwd | None:
    """The user to run a server as: `name` if root runs the tests, because servers refuse root."""
    if os.geteuid() != 0:
        return None
    users = {user.pw_name: user for user in pwd.getpwall()}
    return users.get(name) or users["nobody"]


def as_user(user: pwd.struct_passwd | None) -> list[str]:
    """What to put before a command so that `user` runs it."""
    if not user:
        return []
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def give(folder: Path, user: pwd.struct_passwd | None) -> None:
    """Make `user` the owner of the folder."""
    if user:
        os.chown(folder, user.pw_uid, user.pw_gid)
