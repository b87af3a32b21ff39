"""Further series of a trial's steps (momentum, the LRs of groups), how lanes were planned, what the linter found."""

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
    with op.batch_alter_table("sweeps") as batch:
        batch.add_column(sa.Column("lanes", sa.JSON(), nullable=True))
        batch.add_column(sa.Column("findings", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Back to 0001."""
    with op.batch_alter_table("curves") as batch:
        batch.drop_column("more")
    with op.batch_alter_table("sweeps") as batch:
        batch.drop_column("findings")
        batch.drop_column("lanes")
