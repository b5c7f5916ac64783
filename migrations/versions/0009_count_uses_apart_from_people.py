"""Count what quotas count under keyed hashes, apart from people: deleting one's data gives no fresh quota.

Revision 0009.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both tables, empty: what was asked for before counts no more."""
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secrets")),
    )
    op.create_table(
        "quota_uses",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quota_uses")),
    )
    op.create_index(op.f("ix_quota_uses_subject_kind_used_at"), "quota_uses", ["subject", "kind", "used_at"])
    op.create_index(op.f("ix_quota_uses_kind_used_at"), "quota_uses", ["kind", "used_at"])


def downgrade() -> None:
    """Forget what counted."""
    op.drop_index(op.f("ix_quota_uses_kind_used_at"), table_name="quota_uses")
    op.drop_index(op.f("ix_quota_uses_subject_kind_used_at"), table_name="quota_uses")
    op.drop_table("quota_uses")
    op.drop_table("secrets")
