"""Routes on their way out (RFC 9745, RFC 8594)."""

from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from typing import Any

from fastapi import Depends, Request


def deprecated(*, since: date, sunset: date, successor: str) -> Any:
    """For the `dependencies` of a route: each answer tells when it will go, and what takes its place."""
    since_at, sunset_at = (datetime.combine(day, time(), UTC) for day in (since, sunset))
    headers = [
        (b"deprecation", b"@%d" % since_at.timestamp()),
        (b"sunset", format_datetime(sunset_at, usegmt=True).encode()),
        (b"link", f'<{successor}>; rel="successor-version"'.encode()),
    ]

    async def announce(request: Request) -> None:
        request.scope["answer_headers"] += headers

    return Depends(announce)
