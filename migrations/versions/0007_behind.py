"""An index of the few sweeps that MLflow lacks part of, which coordinators look for twice a second."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_NAME = "ix_sweeps_behind"


def upgrade() -> None:
    """To 0007."""
    only = sa.text("mlflow_behind")
    op.create_index(_NAME, "sweeps", ["position"], postgresql_where=only, sqlite_where=only)


def downgrade() -> None:
    """Back to 0006."""
    op.drop_index(_NAME, "sweeps")
