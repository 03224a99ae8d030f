"""Logs: one JSON object per line, or readable lines for a terminal."""

import logging
import sys
from collections.abc import Callable, MutableMapping
from functools import lru_cache
from typing import Any

import orjson
import structlog

from app.config import Settings

REDACTED = "[redacted]"
_SECRET_WORDS = ("password", "token", "secret", "authorization", "cookie", "private_key")


def configure(settings: Settings) -> None:
    """Configure structlog, and send the log records of libraries through it."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _redact,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if settings.logs_as_json:
        as_json = structlog.processors.JSONRenderer(serializer=_to_json)
        rendering: list[structlog.typing.Processor] = [structlog.processors.format_exc_info, as_json]
        factory: Callable[..., Any] = structlog.BytesLoggerFactory()
    else:
        # Not the rich tracebacks: they print local variables, which may be secrets.
        plain = structlog.dev.plain_traceback
        rendering = [structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), exception_formatter=plain)]
        factory = structlog.PrintLoggerFactory()
    structlog.configure(
        processors=[*shared, *rendering],
        logger_factory=factory,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=settings.logs_as_json,
    )
    logging.basicConfig(handlers=[_ToStructlog()], level=max(level, logging.WARNING), force=True)


def _redact(logger: object, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in line.items():
        if _is_secret(key):
            line[key] = REDACTED
        elif key != "exc_info" and isinstance(value, dict | list | tuple):
            line[key] = _without_secrets(value)
    return line


def _without_secrets(value: object) -> object:
    """A copy of a value. The values of secret keys are redacted, at any depth."""
    if isinstance(value, dict):
        return {key: REDACTED if _is_secret(str(key)) else _without_secrets(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_secrets(each) for each in value]
    return value


@lru_cache(1024)
def _is_secret(key: str) -> bool:
    return any(secret in key.lower() for secret in _SECRET_WORDS)


def _to_json(line: dict[str, Any], **_: object) -> bytes:
    return orjson.dumps(line, default=str)


class _ToStructlog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)
