"""Which combinations the template must offer, written by hand.

This is the independent oracle: nothing here is read from the template, and the template reads
nothing from here. A test compares both. Add a choice here when you add it to `copier.yml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SUPPORTED: dict[str, dict[str, set[str]]] = {
    "fastapi": {
        "database": {"sqlite", "postgresql", "mysql", "mongodb"},
        "auth": {"jwt", "none"},
        "queue": {"database", "redis", "rabbitmq", "kafka", "sqs", "none"},
        "cache": {"memory", "redis", "memcached"},
        "webhooks": {"none", "signed"},
        "ci": {"github", "none"},
    },
    "fastify": {
        "database": {"sqlite", "postgresql", "mysql"},
        "auth": {"jwt", "none"},
        "queue": {"database", "none"},
        "cache": {"memory"},
        "webhooks": {"none"},
        "ci": {"github", "none"},
    },
    "express": {
        "database": {"sqlite", "postgresql", "mysql"},
        "auth": {"jwt", "none"},
        "queue": {"database", "none"},
        "cache": {"memory"},
        "webhooks": {"none"},
        "ci": {"github", "none"},
    },
    "nestjs": {
        "database": {"sqlite", "postgresql", "mysql"},
        "auth": {"jwt", "none"},
        "queue": {"database", "none"},
        "cache": {"memory"},
        "webhooks": {"none"},
        "ci": {"github", "none"},
    },
}
"""For each framework, the choices that it supports."""

EXCLUDED: tuple[dict[str, str], ...] = (
    # A SQLite file serves one machine. A service with such a broker runs on several.
    {"database": "sqlite", "queue": "kafka"},
    {"database": "sqlite", "queue": "sqs"},
    # Handlers of events store the deliveries, and a worker sends them.
    {"queue": "none", "webhooks": "signed"},
    # The storage of webhooks is only written for SQL.
    {"database": "mongodb", "webhooks": "signed"},
)
"""Combinations of supported choices that do not work, and why."""


def is_legal(answers: Mapping[str, Any]) -> bool:
    """Whether the template must offer this combination: a value for each axis, and no other."""
    supported = SUPPORTED.get(str(answers.get("framework")), {})
    return (
        answers.keys() == {"framework", *supported}
        and all(answers[axis] in values for axis, values in supported.items())
        and not any(excluded.items() <= answers.items() for excluded in EXCLUDED)
    )
