"""Keep who was allowed or blocked by command, and whether there is maintenance.

Revision 0006.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both tables, empty: everybody may come in."""
    op.create_table(
        "doors",
        sa.Column("platform", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=128), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("verdict in ('allow', 'block')", name=op.f("ck_doors_verdict")),
        sa.PrimaryKeyConstraint("platform", "number", name=op.f("pk_doors")),
    )
    op.create_table(
        "switches",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_switches")),
    )


def downgrade() -> None:
    """Forget the decisions."""
    op.drop_table("switches")
    op.drop_table("doors")
