"""Parses YAML into plain values, with the C parser where PyYAML has it."""

from __future__ import annotations

from typing import Any

import yaml

SafeLoader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse(text: str | bytes) -> Any:
    """Parse one document. Raises `yaml.YAMLError` when `text` is not YAML."""
    return yaml.load(text, SafeLoader)  # noqa: S506 - SafeLoader builds nothing but plain values
