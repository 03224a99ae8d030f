"""The table of stored responses."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base
from app.dialect import Digest


class StoredResponse(Base):
    """The response to the first request with an idempotency key."""

    __tablename__ = "idempotency_keys"

    scope: Mapped[str] = mapped_column(String(300), primary_key=True)
    """The caller and the route."""
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(Digest)
    """SHA-256 of the request body."""
    status: Mapped[int]
    location: Mapped[str | None] = mapped_column(String(2048))
    etag: Mapped[str | None] = mapped_column(String(255))
    body: Mapped[bytes]
    expires_at: Mapped[datetime] = mapped_column(index=True)
