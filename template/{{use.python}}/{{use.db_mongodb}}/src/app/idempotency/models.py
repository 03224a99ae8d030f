"""The collection of stored responses."""

from app.database import Document
from app.dialect import Timestamp


class StoredResponse(Document):
    """The response to the first request with an idempotency key."""

    collection = "idempotency_keys"
    id_fields = ("scope", "key")

    scope: str
    """The caller and the route."""
    key: str
    fingerprint: bytes
    """SHA-256 of the request body."""
    status: int
    """0 while the first request is running."""
    location: str | None
    etag: str | None
    body: bytes
    expires_at: Timestamp
