"""Handled messages."""

import sqlalchemy as sa
from alembic import op

from app.dialect import Timestamp

revision = "0003_handled_messages"
down_revision = "0003_messages"


def upgrade() -> None:
    op.create_table(
        "handled_messages",
        sa.Column("event_id", sa.Uuid(), primary_key=True),
        sa.Column("handler", sa.String(100), primary_key=True),
        sa.Column("is_handled", sa.Boolean(), nullable=False),
        sa.Column("starts", sa.Integer(), nullable=False),
        sa.Column("seen_at", Timestamp, nullable=False),
    )
    op.create_index("ix_handled_messages_seen_at", "handled_messages", ["seen_at"])


def downgrade() -> None:
    op.drop_table("handled_messages")
