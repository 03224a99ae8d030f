"""The outbox."""

import sqlalchemy as sa
from alembic import op

from app.dialect import Timestamp

revision = "0003_messages"
down_revision = "0002_platform"


def upgrade() -> None:
    op.create_table(
        "messages",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("type", sa.String(100), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("event", sa.JSON(), nullable=False),
        sa.Column("handler", sa.String(100), nullable=True),
        sa.Column("request_id", sa.String(128), nullable=True),
        sa.Column("traceparent", sa.String(55), nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("run_at", Timestamp, nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(1000), nullable=True),
        sa.Column("created_at", Timestamp, nullable=False),
        sa.CheckConstraint("state IN ('pending', 'dead')", name="state"),
    )
    op.create_index("ix_messages_state_run_at_id", "messages", ["state", "run_at", "id"])
    op.create_index("ix_messages_lease", "messages", ["lease"])


def downgrade() -> None:
    op.drop_table("messages")
