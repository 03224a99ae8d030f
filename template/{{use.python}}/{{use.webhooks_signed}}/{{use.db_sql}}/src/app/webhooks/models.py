"""The tables of webhooks."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.database import Base, Resource, enum_column
from app.webhooks.status import DeliveryStatus


class WebhookEndpoint(Resource, Base):
    """A URL of a user that receives the user's events."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        Index("ix_webhook_endpoints_owner", "owner", "created_at", "id"),
        Index("ix_webhook_endpoints_created_at", "created_at", "id"),
    )

    owner: Mapped[str] = mapped_column(String(64))
    """The subject of the user; empty without authentication."""
    url: Mapped[str] = mapped_column(String(2048))
    event_types: Mapped[list[str]] = mapped_column(JSON)
    secret: Mapped[str] = mapped_column(String(64))
    """The name of the secret. The secret itself is not stored."""
    previous_secret: Mapped[str | None] = mapped_column(String(64))
    previous_secret_until: Mapped[datetime | None]
    """Until then, deliveries are signed with both secrets."""
    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str | None] = mapped_column(String(200))
    failing_since: Mapped[datetime | None]
    """The first failure since the last success."""

    @property
    def disabled(self) -> bool:
        return self.disabled_at is not None


class WebhookDelivery(Base):
    """One event on its way to one endpoint. Its id is the `webhook-id`, by which receivers recognize repetitions."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("ix_webhook_deliveries_status_run_at", "status", "run_at"),
        Index("ix_webhook_deliveries_endpoint_id", "endpoint_id", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=clock.new_id)
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoints.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(100))
    event: Mapped[dict[str, Any]] = mapped_column(JSON)
    request_id: Mapped[str | None] = mapped_column(String(128))
    traceparent: Mapped[str | None] = mapped_column(String(55))
    status: Mapped[DeliveryStatus] = mapped_column(
        enum_column(DeliveryStatus, "status"), default=DeliveryStatus.PENDING
    )
    run_at: Mapped[datetime] = mapped_column(default=clock.now)
    """The next attempt is due at this time. A claim sets it to the end of the lease."""
    lease: Mapped[UUID | None]
    """The id of the claim that holds the delivery. A worker that has lost its lease changes nothing."""
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    finished_at: Mapped[datetime | None]


class ReceivedWebhook(Base):
    """The id of a webhook that was received, so that a repetition has no effect."""

    __tablename__ = "received_webhooks"

    source: Mapped[str] = mapped_column(String(64), primary_key=True)
    webhook_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    received_at: Mapped[datetime] = mapped_column(default=clock.now, index=True)
