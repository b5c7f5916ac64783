"""Let a group say whether its family wall may be shown."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the setting; nobody has chosen yet."""
    op.add_column("users", sa.Column("wall", sa.Boolean(), nullable=True))


def downgrade() -> None:
    """Forget the setting."""
    with op.batch_alter_table("users") as users:
        users.drop_column("wall")
