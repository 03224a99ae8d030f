"""Settings of the database."""

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from app.config.service import ServiceSettings

DEVELOPMENT_URL = "postgresql+asyncpg://app:app@localhost:5432/app"


def _postgresql(url: str) -> str:
    if not url.startswith("postgresql+asyncpg://"):
        raise ValueError("must read like postgresql+asyncpg://USER:PASSWORD@HOST:5432/DATABASE")
    try:
        make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ValueError("is not a URL") from error
    return url


def _not_the_default_in_production(url: str, info: ValidationInfo) -> str:
    if url == DEVELOPMENT_URL and info.data.get("app_env") == "production":
        raise ValueError("must be set in production")
    return url


Url = Annotated[str, AfterValidator(_postgresql)]


class DatabaseSettings(ServiceSettings):
    database_url: Annotated[Url, AfterValidator(_not_the_default_in_production)] = DEVELOPMENT_URL
    database_replica_url: Url | None = None
    """A read replica, for reads that may lack the latest changes. Unset: there is none."""
    database_pool_size: int = Field(default=8, ge=1)
    """The number of connections for reads. There are as many for transactions, and for the replica."""
    database_acquire_timeout_seconds: float = Field(default=5, gt=0)
    database_statement_timeout_seconds: float = Field(default=10, gt=0)
