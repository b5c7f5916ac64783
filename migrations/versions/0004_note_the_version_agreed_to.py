"""Note which version of the text a person agreed to.

Revision 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Who agreed before there were versions is asked again."""
    with op.batch_alter_table("users") as users:
        users.add_column(sa.Column("consent_version", sa.String(length=64), nullable=True))


def downgrade() -> None:
    """Forget the versions."""
    with op.batch_alter_table("users") as users:
        users.drop_column("consent_version")
