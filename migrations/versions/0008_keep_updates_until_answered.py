"""Keep what a chat service handed over until it is answered: a killed bot goes on where it was.

Revision 0008.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both tables, empty."""
    op.create_table(
        "inbox",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("turns", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source", "number", name=op.f("pk_inbox")),
    )
    op.create_index(op.f("ix_inbox_received_at"), "inbox", ["received_at"])
    unanswered = sa.text("sealed IS NOT NULL")
    op.create_index(
        "ix_inbox_unanswered", "inbox", ["source", "number"], sqlite_where=unanswered, postgresql_where=unanswered
    )
    op.create_table(
        "inbox_answers",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("turn", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("source", "number", "turn", name=op.f("pk_inbox_answers")),
    )


def downgrade() -> None:
    """Forget what was not answered."""
    op.drop_table("inbox_answers")
    op.drop_index("ix_inbox_unanswered", table_name="inbox")
    op.drop_index(op.f("ix_inbox_received_at"), table_name="inbox")
    op.drop_table("inbox")
