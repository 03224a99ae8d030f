"""The time of day, in one place so that nothing stores a local time."""

from datetime import UTC, datetime


def now() -> datetime:
    """The current time, in UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """`2026-01-01T00:00:00.000000Z`"""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
