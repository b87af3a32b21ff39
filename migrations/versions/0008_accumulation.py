"""How many batches make one optimizer step of a sweep's task."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0008."""
    op.add_column("sweeps", sa.Column("accumulation", sa.Integer(), nullable=False, server_default="1"))


def downgrade() -> None:
    """Back to 0007."""
    with op.batch_alter_table("sweeps") as sweeps:
        sweeps.drop_column("accumulation")
