"""Looks at this machine: is there what a project needs? All looks are taken at the same time.

What a project needs is data: the field `needs` of the records of its stack and its choices. A need
has a `name`, a `remedy` for the case that it is not met, and a `kind` with fields of its own:

- `program`: one of `programs`, names on the PATH or paths in the project, of version `at_least`.
- `run`: `command` ends well.
- `port`: the port that the variable `setting` names can be listened on. Unset, there is no need.
- `server`: one answers at the address in the variable `setting` (at `port`, if it names none), or,
  on this very machine, one of `programs` is there to start it, as `starts` tells.
- `space`: the folder has room for `megabytes`.

With `optional: true` a project can do without it. It is dropped where the need that `unless` names
is met.
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
"""A look that takes longer counts as a need that is not met."""

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
"""What scaffold itself needs, with or without a project."""


@dataclass(frozen=True)
class Place:
    """Where the project is, and the variables that its service would be started with."""

    folder: Path
    settings: Mapping[str, str]


@dataclass(frozen=True)
class Finding:
    """How one need is met: `name` and `detail` read as a sentence, `remedy` is empty when it is."""

    name: str
    status: Literal["ok", "missing", "optional"]
    detail: str
    remedy: str


def examine(needs: Sequence[Need], place: Place) -> list[Finding]:
    """A finding for each need, in their order, after `PATIENCE_SECONDS` at most."""
    looks: dict[int, _Look | None] = {}

    def look(number: int, need: Need) -> None:
        looks[number] = _LOOKS[need["kind"]](need, place)

    # Daemons: a name that takes ten seconds to resolve must not keep the process from ending.
    threads = [threading.Thread(target=look, args=each, daemon=True) for each in enumerate(needs)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + PATIENCE_SECONDS
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))
    slow = _Look(ok=False, detail=f"could not be looked at within {PATIENCE_SECONDS} s")
    seen = [(need, looks.get(number, slow)) for number, need in enumerate(needs)]
    met = {need["name"] for need, look in seen if look and look.ok}
    return [_finding(need, look) for need, look in seen if look and need.get("unless") not in met]


@dataclass(frozen=True)
class _Look:
    """What one look has seen."""

    ok: bool
    detail: str = ""


def _finding(need: Need, look: _Look) -> Finding:
    if look.ok:
        return Finding(need["name"], "ok", look.detail, "")
    status: Literal["missing", "optional"] = "optional" if need.get("optional") else "missing"
    return Finding(need["name"], status, look.detail, need["remedy"])


def _program(need: Need, place: Place) -> _Look:
    wanted = str(need.get("at_least", ""))
    seen = []
    for name in need["programs"]:
        if program := programs.located(name, place.folder):
            version = programs.version(program)
            if not wanted or programs.numbers(version) >= programs.numbers(wanted):
                return _Look(ok=True, detail=version)
            seen.append(f"{name} is {version or 'of no known version'}")
    return _Look(ok=False, detail=f"is too old: {', '.join(seen)}" if seen else "")


def _run(need: Need, place: Place) -> _Look:
    return _Look(ok=programs.output(need["command"], place.folder) is not None)


def _space(need: Need, place: Place) -> _Look:
    free = shutil.disk_usage(place.folder).free // 1_000_000
    return _Look(ok=free >= need["megabytes"], detail=f"is {free:,} MB")


def _port(need: Need, place: Place) -> _Look | None:
    text = place.settings[need["setting"]]
    if not text:
        return None
    if not text.isdecimal() or int(text) > _LAST_PORT:
        return _Look(ok=False, detail=f"{text!r} is no number from 0 to {_LAST_PORT}")
    host, port = place.settings.get("HOST") or "127.0.0.1", int(text)
    try:
        ports.listen(host, port)
    except OSError as error:
        pid, name = ports.listener(port)
        if pid and ports.working_folder(pid) == place.folder.resolve():
            return _Look(ok=True, detail=f"{port} is where this project runs, as process {pid}")
        reason = f"{name} has it, as process {pid}" if pid else error.strerror or str(error)
        return _Look(ok=False, detail=f"{port} of {host} is not free: {reason}")
    return _Look(ok=True, detail=f"{port} is free")


def _server(need: Need, place: Place) -> _Look:
    try:
        url = urlsplit(place.settings[need["setting"]])
        host, port = url.hostname or _LOOPBACK[0], url.port or int(need["port"])
    except ValueError:
        return _Look(ok=False, detail=f"cannot be found: {need['setting']} is no address")
    try:
        socket.create_connection((host, port), _CONNECT_SECONDS).close()
    except OSError:
        starters = (programs.located(name, place.folder) for name in need["programs"])
        starter = next(filter(None, starters), None) if host in _LOOPBACK else None
        if starter:
            return _Look(ok=True, detail=f"{need['starts']} {starter}")
        return _Look(ok=False, detail=f"does not answer at {host}:{port}")
    return _Look(ok=True, detail=f"answers at {host}:{port}")


_LOOKS = {"program": _program, "run": _run, "space": _space, "port": _port, "server": _server}
