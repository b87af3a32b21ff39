"""What coordinator processes need: whose a sweep is, how often its process died, what MLflow still lacks."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_OF_SWEEPS = {"unattended": sa.Boolean, "mlflow_behind": sa.Boolean, "deaths": sa.Integer, "progress": sa.Integer}
_OF_TRIALS = {"attempts": sa.Integer, "furthest": sa.Integer}


def upgrade() -> None:
    """To 0005. The sweeps that are there belong to the commands that made them."""
    for table, columns in (("sweeps", _OF_SWEEPS), ("trials", _OF_TRIALS)):
        with op.batch_alter_table(table) as batch:
            for name, kind in columns.items():
                default = sa.false() if kind is sa.Boolean else sa.text("0")
                batch.add_column(sa.Column(name, kind(), nullable=False, server_default=default))


def downgrade() -> None:
    """Back to 0004."""
    for table, columns in (("trials", _OF_TRIALS), ("sweeps", _OF_SWEEPS)):
        with op.batch_alter_table(table) as batch:
            for name in reversed(columns):
                batch.drop_column(name)
