"""The lock of npm for every combination of choices, cut from one lock of all packages.

npm resolves the packages of all choices together. A combination has those that its own packages
lead to, in the same places, with the flags that npm gives to what only development, optional or
peer dependencies lead to.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
FLAGS = ("dev", "devOptional", "optional", "peer")
_SETTINGS = "ignore-scripts=true\nfund=false\naudit=false\nomit-lockfile-registry-resolved=true\n"
_FIRST = ("version", "resolved", "integrity", "dependencies")

Entry = dict[str, Any]
Lock = dict[str, Entry]
"""The field `packages` of a lock: entries by path, without that of the project itself."""


class Manifest(NamedTuple):
    """What a package.json asks for, as `name@range`."""

    needs: frozenset[str]
    dev_needs: frozenset[str]


class Edge(NamedTuple):
    """A dependency of a package; `kind` is the field of package.json that has it."""

    name: str
    kind: str


def resolve(manifest: Manifest, known: Lock, engines: str) -> Lock:
    """What npm locks for this manifest; it prefers the versions in `known`.

    Exit 1 with one line when npm is missing or fails, or when its Node is too old.
    """
    root = {
        "name": "union",
        "version": "0.1.0",
        "dependencies": ranges(manifest.needs),
        "devDependencies": ranges(manifest.dev_needs),
        "engines": {"node": engines},
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / ".npmrc").write_text(_SETTINGS + "engine-strict=true\n")
        (folder / "package.json").write_text(json.dumps(root))
        lock = folder / "package-lock.json"
        if known:
            packages = {"": root, **known}
            lock.write_text(json.dumps({**root, "lockfileVersion": 3, "packages": packages}))
        _npm("install", "--package-lock-only", folder=folder)
        found: Lock = json.loads(lock.read_text())["packages"]
    del found[""]
    if unlike := [path for path, entry in cut(found, manifest).items() if entry != found[path]]:
        sys.exit(f"error: npm gives other flags to {', '.join(unlike)}")
    if hosts := [path for path, entry in found.items() if "resolved" in entry]:
        sys.exit(f"error: the lock says where {', '.join(hosts)} came from")
    return found


def ranges(needs: Iterable[str]) -> dict[str, str]:
    """The ranges of packages by name, in the order of npm."""
    parts = sorted(need.rpartition("@") for need in needs)
    return {name: wanted for name, _, wanted in parts}


def cut(lock: Lock, manifest: Manifest) -> Lock:
    """The part of a lock that a manifest needs, with its own flags."""
    flags = _flags(lock, manifest, _reached(lock, manifest))
    return {path: _flagged(lock[path], flags[path]) for path in lock if path in flags}


def written(path: str, entry: Entry) -> str:
    """An entry as npm writes it into a lock, with a comma."""
    text = json.dumps({path: entry}, indent=2, ensure_ascii=False)
    return "".join(f"  {line}\n" for line in text.splitlines()[1:-1])[:-1] + ",\n"


def parsed(entries: str) -> Lock:
    """What `written` has made. Of two entries with one path, the last one counts."""
    lock: Lock = json.loads(f"{{{entries.strip().removesuffix(',')}}}")
    return lock


def package(path: str) -> str:
    """The name of the package at a path."""
    return path.rpartition("node_modules/")[2]


def _npm(*arguments: str, folder: Path) -> None:
    search = os.pathsep.join([str(ROOT / ".work/node/bin"), os.environ["PATH"]])
    program = shutil.which("npm", path=search)
    if program is None:
        sys.exit("error: npm is missing\n\nhint: install Node.js, which brings it")
    done = subprocess.run(
        [program, *arguments, "--loglevel=error"],
        cwd=folder,
        env={**os.environ, "PATH": search},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"error: npm cannot resolve the packages\n\n{done.stderr.strip()}")


def _reached(lock: Lock, manifest: Manifest) -> set[str]:
    """The paths that a manifest needs. An optional peer is used if it is there, not needed."""
    reached: set[str] = set()
    waiting = [""]
    while waiting:
        for edge, path in _edges(lock, manifest, waiting.pop()):
            if path not in reached and edge.kind != "optional peer":
                reached.add(path)
                waiting.append(path)
    return reached


def _flags(lock: Lock, manifest: Manifest, reached: set[str]) -> dict[str, dict[str, bool]]:
    """The flags of these paths, as npm computes them: each is true until an edge says otherwise."""
    flags = {path: dict.fromkeys(FLAGS, True) for path in reached}
    flags[""] = dict.fromkeys(FLAGS, False)
    waiting = [""]
    while waiting:
        source = waiting.pop()
        for edge, path in _edges(lock, manifest, source):
            if path not in reached:
                continue
            kept = _along(flags[source], edge.kind)
            if any(flags[path][flag] and not kept[flag] for flag in FLAGS):
                flags[path] = {flag: flags[path][flag] and kept[flag] for flag in FLAGS}
                waiting.append(path)
    del flags[""]
    return flags


def _along(flags: Mapping[str, bool], kind: str) -> dict[str, bool]:
    """What a package with these flags leaves of the flags of its dependency."""
    dev, optional, peer = kind == "dev", "optional" in kind, "peer" in kind
    either = flags["devOptional"] or flags["dev"] or flags["optional"] or dev or optional
    return {
        "devOptional": either,
        "dev": either and (flags["dev"] or dev),
        "optional": either and (flags["optional"] or optional),
        "peer": flags["peer"] or peer,
    }


def _edges(lock: Lock, manifest: Manifest, path: str) -> Iterator[tuple[Edge, str]]:
    """The dependencies of a package that are in the lock, and where Node finds each."""
    for edge in _wanted(lock, manifest, path):
        base = path
        while f"{base}/node_modules/{edge.name}".lstrip("/") not in lock and base:
            base = base.rpartition("node_modules/")[0].rstrip("/")
        found = f"{base}/node_modules/{edge.name}".lstrip("/")
        if found in lock:
            yield edge, found


def _wanted(lock: Lock, manifest: Manifest, path: str) -> Iterator[Edge]:
    if not path:
        yield from (Edge(name, "") for name in ranges(manifest.needs))
        yield from (Edge(name, "dev") for name in ranges(manifest.dev_needs))
        return
    entry = lock[path]
    optional_peers = {
        name for name, meta in entry.get("peerDependenciesMeta", {}).items() if meta.get("optional")
    }
    yield from (Edge(name, "") for name in entry.get("dependencies", {}))
    yield from (Edge(name, "optional") for name in entry.get("optionalDependencies", {}))
    for name in entry.get("peerDependencies", {}):
        yield Edge(name, "optional peer" if name in optional_peers else "peer")


def _flagged(entry: Entry, flags: Mapping[str, bool]) -> Entry:
    """An entry with these flags, its fields in the order of npm."""
    devoptional = flags["devOptional"] and not flags["dev"] and not flags["optional"]
    wanted = {**flags, "devOptional": devoptional}
    changed = {name: value for name, value in entry.items() if name not in FLAGS}
    changed |= {name: True for name, is_set in wanted.items() if is_set}
    return dict(sorted(changed.items(), key=_place))


def _place(field: tuple[str, Any]) -> tuple[bool, int, str]:
    """Order fields as npm does: values and lists before objects, what identifies first."""
    name, value = field
    place = _FIRST.index(name) if name in _FIRST else len(_FIRST)
    return isinstance(value, dict), place, name
