"""Settings of the database."""

from typing import Annotated

from pydantic import AfterValidator, Field

from app.config.service import ServiceSettings


def _sqlite(url: str) -> str:
    if not url.startswith("sqlite+aiosqlite:///") or url.endswith((":///", ":memory:")):
        raise ValueError("must name a file: sqlite+aiosqlite:///PATH")
    return url


class DatabaseSettings(ServiceSettings):
    database_url: Annotated[str, AfterValidator(_sqlite)] = "sqlite+aiosqlite:///app.db"
    database_pool_size: int = Field(default=4, ge=1)
    """The number of connections for reads. There is one more for writes."""
    database_acquire_timeout_seconds: float = Field(default=5, gt=0)
    database_busy_timeout_seconds: float = Field(default=5, gt=0)
    """How long a transaction waits for the write lock of another process."""
