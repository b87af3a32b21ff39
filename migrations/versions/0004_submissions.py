"""Tokens of the HTTP API, who submitted a sweep, and the idempotency keys of submissions."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To 0004."""
    op.create_table(
        "tokens",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_tokens"),
        sa.UniqueConstraint("sha256", name="uq_tokens_sha256"),
    )
    op.create_table(
        "submissions",
        sa.Column("submitter", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("sweep_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["sweep_id"], ["sweeps.id"], name="fk_submissions_sweeps", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("submitter", "key", name="pk_submissions"),
    )
    with op.batch_alter_table("sweeps") as batch:
        batch.add_column(sa.Column("submitted_by", sa.Text(), nullable=True))
        batch.create_index("ix_sweeps_status_position", ["status", "position"])


def downgrade() -> None:
    """Back to 0003."""
    with op.batch_alter_table("sweeps") as batch:
        batch.drop_index("ix_sweeps_status_position")
        batch.drop_column("submitted_by")
    op.drop_table("submissions")
    op.drop_table("tokens")
