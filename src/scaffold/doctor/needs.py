"""Checks whether this machine has what a project needs. All checks run at the same time.

The needs of a project are data: the field `needs` in the records of its stack and its choices. A
need has a `name`, a `remedy` for when it is not met, and a `kind` with fields of its own:

- `program`: one of `programs`, names on the PATH or paths in the project, of version `at_least`.
- `run`: `command` succeeds.
- `port`: the port in the setting `setting` is free. When it is unset, there is no need.
- `server`: a server answers at the address in the setting `setting`, which is the first one of a
  list, by default at `port`; or it would run on this machine and one of `programs` can start it, as
  `starts` explains.
- `space`: the disk has room for `megabytes`.

A need with `optional: true` is not required. A need is skipped when the one in `unless` is met.
"""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from scaffold.doctor import ports, programs

PATIENCE_SECONDS = 0.5
"""A check that takes longer counts as a need that is not met."""

_CONNECT_SECONDS = 0.3
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LAST_PORT = 65535

Need = Mapping[str, Any]
GIT: Need = {
    "kind": "program",
    "name": "git",
    "programs": ["git"],
    "remedy": "install git: updates merge with it",
}
"""What scaffold itself needs."""


@dataclass(frozen=True)
class Place:
    """The folder of a project and the settings that its service would get."""

    folder: Path
    settings: Mapping[str, str]


@dataclass(frozen=True)
class Finding:
    """The result for one need: `name` and `detail` form a sentence; a met need has no `remedy`."""

    name: str
    status: Literal["ok", "missing", "optional"]
    detail: str
    remedy: str


def examine(needs: Sequence[Need], place: Place) -> list[Finding]:
    """A finding for each need, in the same order, within `PATIENCE_SECONDS`."""
    checks: dict[int, _Check | None] = {}

    def check(number: int, need: Need) -> None:
        checks[number] = _CHECKS[need["kind"]](need, place)

    # Daemon threads: a slow name resolution must not keep the process from ending.
    threads = [threading.Thread(target=check, args=each, daemon=True) for each in enumerate(needs)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + PATIENCE_SECONDS
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))
    slow = _Check(ok=False, detail=f"could not be checked within {PATIENCE_SECONDS} s")
    seen = [(need, checks.get(number, slow)) for number, need in enumerate(needs)]
    met = {need["name"] for need, check in seen if check and check.ok}
    needed = [pair for pair in seen if pair[0].get("unless") not in met]
    return [_finding(need, check) for need, check in needed if check]


@dataclass(frozen=True)
class _Check:
    """The result of one check."""

    ok: bool
    detail: str = ""


def _finding(need: Need, check: _Check) -> Finding:
    if check.ok:
        return Finding(need["name"], "ok", check.detail, "")
    status: Literal["missing", "optional"] = "optional" if need.get("optional") else "missing"
    return Finding(need["name"], status, check.detail, need["remedy"])


def _program(need: Need, place: Place) -> _Check:
    wanted = str(need.get("at_least", ""))
    seen = []
    for name in need["programs"]:
        if program := programs.located(name, place.folder):
            version = programs.version(program)
            if not wanted or programs.numbers(version) >= programs.numbers(wanted):
                return _Check(ok=True, detail=version)
            seen.append(f"{name} is {version or 'of no known version'}")
    return _Check(ok=False, detail=f"is too old: {', '.join(seen)}" if seen else "")


def _run(need: Need, place: Place) -> _Check:
    return _Check(ok=programs.output(need["command"], place.folder) is not None)


def _space(need: Need, place: Place) -> _Check:
    free = shutil.disk_usage(place.folder).free // 1_000_000
    return _Check(ok=free >= need["megabytes"], detail=f"is {free:,} MB")


def _port(need: Need, place: Place) -> _Check | None:
    text = place.settings[need["setting"]]
    if not text:
        return None
    if not text.isdecimal() or int(text) > _LAST_PORT:
        return _Check(ok=False, detail=f"{text!r} is no number from 0 to {_LAST_PORT}")
    host, port = place.settings.get("HOST") or "127.0.0.1", int(text)
    try:
        ports.listen(host, port)
    except OSError as error:
        pid, name = ports.listener(port)
        if pid and ports.working_folder(pid) == place.folder.resolve():
            return _Check(ok=True, detail=f"{port} is where this project runs, as process {pid}")
        reason = f"{name} has it, as process {pid}" if pid else error.strerror or str(error)
        return _Check(ok=False, detail=f"{port} of {host} is not free: {reason}")
    return _Check(ok=True, detail=f"{port} is free")


def _server(need: Need, place: Place) -> _Check:
    try:
        url = urlsplit(place.settings[need["setting"]].partition(",")[0])
        host, port = url.hostname or _LOOPBACK[0], url.port or int(need["port"])
    except ValueError:
        return _Check(ok=False, detail=f"cannot be found: {need['setting']} is no address")
    try:
        socket.create_connection((host, port), _CONNECT_SECONDS).close()
    except OSError:
        starters = (programs.located(name, place.folder) for name in need["programs"])
        starter = next(filter(None, starters), None) if host in _LOOPBACK else None
        if starter:
            return _Check(ok=True, detail=f"{need['starts']} {starter}")
        return _Check(ok=False, detail=f"does not answer at {host}:{port}")
    return _Check(ok=True, detail=f"answers at {host}:{port}")


_CHECKS = {"program": _program, "run": _run, "space": _space, "port": _port, "server": _server}
