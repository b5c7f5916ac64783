"""Keep a language only where somebody chose it.

Until now the column held what the chat program said when a person was first seen; what it says now is asked each time.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody has chosen a language before this revision."""
    op.execute("UPDATE users SET language = NULL")


def downgrade() -> None:
    """What was forgotten stays so; the older program writes it down anew."""
