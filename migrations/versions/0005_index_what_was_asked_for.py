"""Index jobs by who asked for them, and where, and when: quotas count them.

Revision 0005, after 0004.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two indexes."""
    op.create_index(op.f("ix_jobs_user_id_created_at"), "jobs", ["user_id", "created_at"])
    op.create_index(op.f("ix_jobs_platform_chat_id_created_at"), "jobs", ["platform", "chat_id", "created_at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index(op.f("ix_jobs_platform_chat_id_created_at"), table_name="jobs")
    op.drop_index(op.f("ix_jobs_user_id_created_at"), table_name="jobs")
