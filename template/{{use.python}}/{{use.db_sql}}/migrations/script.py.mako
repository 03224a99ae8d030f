"""${message}."""

import sqlalchemy as sa
from alembic import op
${imports or ""}${"\nimport app.dialect\n" if "app.dialect." in f"{upgrades or ''}{downgrades or ''}" else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
