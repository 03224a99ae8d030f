"""What every service needs: stored answers and scheduled jobs."""

import sqlalchemy as sa
from alembic import op

from app.dialect import Timestamp

revision = "0001_platform"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("scope", sa.String(300), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("location", sa.String(), nullable=True),
        sa.Column("etag", sa.String(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", Timestamp, nullable=False, index=True),
    )
    op.create_table(
        "scheduled_jobs",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("due_at", Timestamp, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("scheduled_jobs")
    op.drop_table("idempotency_keys")
