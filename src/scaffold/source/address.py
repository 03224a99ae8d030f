"""Compares and converts the addresses of templates."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What copier takes for a git address without being told so by the prefix `git+`.
_COPIERS_OWN = re.compile(r"^(git@|git://|git\+|https://(github|gitlab)\.com/)|\.git$")
_ALIASES = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/"}
# `git@example.org:acme/scaffold`; one letter before the colon is a drive of Windows.
_SCP = re.compile(r"(?:[^@/\\\s]+@)?(?P<host>[^@:/\\\s]{2,}):(?!//)(?P<path>.+)")


def is_remote(address: str) -> bool:
    """Whether `address` is a git address that must be cloned, not a local folder."""
    return bool(_COPIERS_OWN.search(address)) or "://" in address


def for_copier(address: str) -> str:
    """The address of a git repository in a form that copier recognizes as git."""
    return address if _COPIERS_OWN.search(address) else f"git+{address}"


def same(one: str, other: str) -> bool:
    """Whether two addresses name the same repository.

    The scheme, user, password, `git+`, `.git` and the case of the host are ignored.
    """
    return bool(one and other) and _place(one) == _place(other)


def folder_of(address: str) -> Path:
    """The folder of a `file:` address or a path; `~` is the home of the user."""
    path = unquote(urlsplit(address).path) if address.startswith("file:") else address
    try:
        return Path(path).expanduser().resolve()
    except RuntimeError:  # this user has no home
        return Path(path).resolve()


def _place(address: str) -> tuple[str, str]:
    """Host and path of an address; the host of a local folder is empty."""
    for alias, home in _ALIASES.items():
        if address.startswith(alias):
            address = home + address.removeprefix(alias).lstrip("/")
    address = address.removeprefix("git+").rstrip("/").removesuffix(".git")
    if "://" in address and not address.startswith("file:"):
        parts = urlsplit(address)
        host = (parts.hostname or "").lower()
        # Over ssh and https one server has different ports, which tell nothing.
        port = parts.port if parts.scheme in ("http", "https") else None
        suffix = f":{port}" if port and port not in (80, 443) else ""
        return host + suffix, unquote(parts.path).strip("/")
    if found := _SCP.fullmatch(address):
        return found["host"].lower(), found["path"].strip("/")
    return "", folder_of(address).as_posix()
