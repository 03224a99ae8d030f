"""Settings of the database."""

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from app.config.service import ServiceSettings

DEVELOPMENT_URL = "mongodb://localhost:27017/app?directConnection=true"


def _mongodb(url: str, info: ValidationInfo) -> str:
    if not url.startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError("must read like mongodb://USER:PASSWORD@HOST:27017/DATABASE")
    try:
        # The hosts of the other scheme are in the DNS.
        database = parse_uri(url.replace("mongodb+srv://", "mongodb://", 1), warn=False)["database"]
    except (PyMongoError, ValueError) as error:
        raise ValueError("is not a URL") from error
    if not database:
        raise ValueError("must name a database")
    if url == DEVELOPMENT_URL and info.data.get("app_env") == "production":
        raise ValueError("must be set in production")
    return url


class DatabaseSettings(ServiceSettings):
    database_url: Annotated[str, AfterValidator(_mongodb)] = DEVELOPMENT_URL
    database_pool_size: int = Field(default=16, ge=1)
    database_acquire_timeout_seconds: float = Field(default=5, gt=0)
    """How long an operation waits for a connection, or for a server that accepts it."""
    database_statement_timeout_seconds: float = Field(default=10, gt=0)
    """How long an operation may take before its connection is closed."""
    database_lock_timeout_seconds: float = Field(default=5, gt=0)
    """How long a transaction waits for a document that another transaction has changed."""
