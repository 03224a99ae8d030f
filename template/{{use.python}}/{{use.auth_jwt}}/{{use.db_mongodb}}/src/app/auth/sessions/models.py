"""The collections of login sessions."""

from uuid import UUID

from app.database import Document, Entity
from app.dialect import Timestamp


class LoginSession(Entity):
    """A session from login to logout. Revoking it invalidates its access tokens and refresh tokens."""

    collection = "sessions"
    parent = ("user_id", "users")

    user_id: UUID
    expires_at: Timestamp
    revoked_at: Timestamp | None = None


class RefreshToken(Document):
    """A refresh token can be used once. Only its hash is stored."""

    collection = "refresh_tokens"
    id_fields = ("hash",)
    parent = ("session_id", "sessions")

    hash: bytes
    session_id: UUID
    used_at: Timestamp | None = None


class LoginFailures(Document):
    """The number of failed logins to an account from an address, whether the account exists or not."""

    collection = "login_failures"
    id_fields = ("account", "address")

    account: bytes
    """SHA-256 of the email."""
    address: bytes
    """SHA-256 of the client's address."""
    count: int
    expires_at: Timestamp
