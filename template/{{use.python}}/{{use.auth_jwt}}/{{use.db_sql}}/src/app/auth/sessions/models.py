"""The tables of login sessions."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.database import Base
from app.dialect import Digest


class LoginSession(Base):
    """A session from login to logout. Revoking it invalidates its access tokens and refresh tokens."""

    __tablename__ = "sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=clock.new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    revoked_at: Mapped[datetime | None]


class RefreshToken(Base):
    """A refresh token can be used once. Only its hash is stored."""

    __tablename__ = "refresh_tokens"

    hash: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), index=True)
    used_at: Mapped[datetime | None]


class LoginFailures(Base):
    """The number of failed logins to an account from an address, whether the account exists or not."""

    __tablename__ = "login_failures"

    account: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    """SHA-256 of the email."""
    address: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    """SHA-256 of the client's address."""
    count: Mapped[int]
    expires_at: Mapped[datetime] = mapped_column(index=True)
