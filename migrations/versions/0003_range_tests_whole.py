"""Range tests with intervals, validation curves and probes; the batch size and the task's code of a sweep."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_OF_RANGE_TESTS = {
    "interval_low": sa.Double,
    "interval_high": sa.Double,
    "metric_steps": sa.JSON,
    "metrics": sa.LargeBinary,
    "probe": sa.JSON,
    "probe_values": sa.LargeBinary,
}


def upgrade() -> None:
    """To 0003."""
    with op.batch_alter_table("range_tests") as batch:
        batch.add_column(sa.Column("scheduler", sa.Text(), nullable=False, server_default="none"))
        for name, kind in _OF_RANGE_TESTS.items():
            batch.add_column(sa.Column(name, kind(), nullable=True))
    with op.batch_alter_table("range_tests") as batch:
        batch.alter_column("scheduler", server_default=None)
    with op.batch_alter_table("sweeps") as batch:
        batch.add_column(sa.Column("batch_size", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("code", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Back to 0002."""
    with op.batch_alter_table("sweeps") as batch:
        batch.drop_column("code")
        batch.drop_column("batch_size")
    with op.batch_alter_table("range_tests") as batch:
        for name in reversed(_OF_RANGE_TESTS):
            batch.drop_column(name)
        batch.drop_column("scheduler")
