"""Reads the settings of a service as the service would read them on this machine."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

_ASSIGNMENT = re.compile(
    r"""\s*(?:export\s+)?(\w+)\s*=\s*(?:'([^']*)'|"([^"]*)"|(.*?))\s*(?:\s\#.*)?"""
)


def settings(defaults: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Each setting from the environment, else `NAME_FILE`, else `.env`, else its default.

    An empty variable counts as unset.
    """
    written = _dotenv(folder / ".env")
    given = {name: os.environ.get(name) or _secret(name) or written.get(name) for name in defaults}
    return {name: given[name] or default for name, default in defaults.items()}


def _secret(name: str) -> str:
    """The content of the file that `NAME_FILE` names."""
    file = os.environ.get(f"{name}_FILE")
    try:
        return Path(file).read_text().strip() if file else ""
    except (OSError, UnicodeError):
        return ""


def _dotenv(file: Path) -> dict[str, str]:
    """The variables in a `.env` file; `export`, quotes and comments are understood."""
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeError):
        return {}
    found = filter(None, map(_ASSIGNMENT.fullmatch, lines))
    return {match[1]: match[2] or match[3] or match[4] or "" for match in found}
