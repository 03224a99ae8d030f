"""The audit log. Its entries are log lines: all callers are anonymous, so there is no table of actors."""

from typing import Any

import structlog

from app.database import Session

log = structlog.get_logger()


async def record(
    session: Session,
    action: str,
    subject: str,
    *,
    actor: str | None = None,
    owner: str | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Log a change."""
    log.info("audit", action=action, subject=subject, before=before, after=after)
