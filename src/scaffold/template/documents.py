"""Reads YAML quickly and safely: plain values only, by the C parser where PyYAML has it."""

from __future__ import annotations

from typing import Any

import yaml

SafeLoader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse(text: str | bytes) -> Any:
    """The one document in `text` as plain values. Raises `yaml.YAMLError` when it is not YAML."""
    return yaml.load(text, SafeLoader)  # noqa: S506 - SafeLoader builds nothing but plain values
