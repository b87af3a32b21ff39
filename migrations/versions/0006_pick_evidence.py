"""What stands beside a pick: how lucky it may be, how near the edge it is, and the best of the folk grid."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0006."""
    with op.batch_alter_table("picks") as batch:
        batch.add_column(sa.Column("evidence", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Back to 0005."""
    with op.batch_alter_table("picks") as batch:
        batch.drop_column("evidence")
