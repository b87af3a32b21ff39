"""Further series of a trial's steps beside loss and LR: momentum, and the LRs of parameter groups."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0002."""
    with op.batch_alter_table("curves") as batch:
        batch.add_column(sa.Column("more", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Back to 0001."""
    with op.batch_alter_table("curves") as batch:
        batch.drop_column("more")
