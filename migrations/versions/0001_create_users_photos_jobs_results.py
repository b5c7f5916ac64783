"""Create users, conversations, photos, latents, jobs and results.

Revision 0001, the first.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables of the first version."""
    op.create_table(
        "users",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("platform", sa.String(length=32), nullable=False),
        sa.Column("platform_user_id", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=True),
        sa.Column("age", sa.Double(), nullable=True),
        sa.Column("mix", sa.Double(), nullable=True),
        sa.Column("sex", sa.String(length=16), nullable=True),
        sa.Column("refine", sa.Boolean(), nullable=True),
        sa.Column("consent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("platform", "platform_user_id", name=op.f("uq_users_platform_platform_user_id")),
    )
    op.create_table(
        "conversations",
        sa.Column("platform", sa.String(length=32), nullable=False),
        sa.Column("chat_id", sa.String(length=128), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_conversations_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("platform", "chat_id", "user_id", name=op.f("pk_conversations")),
    )
    op.create_index(op.f("ix_conversations_updated_at"), "conversations", ["updated_at"])
    op.create_index(op.f("ix_conversations_user_id"), "conversations", ["user_id"])

    op.create_table(
        "latents",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("owner_id", sa.String(length=32), nullable=False),
        sa.Column("photo_sha256", sa.String(length=64), nullable=False),
        sa.Column("face", sa.Integer(), nullable=False),
        sa.Column("encoder_version", sa.String(length=128), nullable=False),
        sa.Column("quality", sa.String(length=16), nullable=False),
        sa.Column("blob_key", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_latents_owner_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_latents")),
        sa.UniqueConstraint("blob_key", name=op.f("uq_latents_blob_key")),
        sa.UniqueConstraint(
            "owner_id",
            "photo_sha256",
            "face",
            "encoder_version",
            "quality",
            name=op.f("uq_latents_owner_id_photo_sha256_face_encoder_version_quality"),
        ),
    )
    op.create_index(op.f("ix_latents_expires_at"), "latents", ["expires_at"])

    op.create_table(
        "photos",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("owner_id", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("face", sa.Integer(), nullable=True),
        sa.Column("blob_key", sa.String(length=32), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("sex", sa.String(length=16), nullable=True),
        sa.Column("sex_confidence", sa.Double(), nullable=True),
        sa.Column("estimated_age", sa.Double(), nullable=True),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(kind = 'gone') = (blob_key is null)", name=op.f("ck_photos_gone_has_no_blob")),
        sa.CheckConstraint("kind in ('original', 'crop', 'gone')", name=op.f("ck_photos_kind")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_photos_owner_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photos")),
        sa.UniqueConstraint("blob_key", name=op.f("uq_photos_blob_key")),
    )
    op.create_index(op.f("ix_photos_expires_at"), "photos", ["expires_at"])
    op.create_index(op.f("ix_photos_owner_id_sha256"), "photos", ["owner_id", "sha256"])

    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("platform", sa.String(length=32), nullable=False),
        sa.Column("chat_id", sa.String(length=128), nullable=False),
        sa.Column("photo_id", sa.String(length=32), nullable=True),
        sa.Column("mom_photo_id", sa.String(length=32), nullable=True),
        sa.Column("dad_photo_id", sa.String(length=32), nullable=True),
        sa.Column("wish", sa.JSON(), nullable=False),
        sa.Column("quality", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.String(length=64), nullable=False),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("error_facts", sa.JSON(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("follows_job_id", sa.String(length=32), nullable=True),
        sa.Column("reply", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivery_claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivery_attempts", sa.Integer(), nullable=False),
        sa.CheckConstraint("state in ('queued', 'running', 'done', 'failed', 'cancelled')", name=op.f("ck_jobs_state")),
        sa.ForeignKeyConstraint(
            ["dad_photo_id"], ["photos.id"], name=op.f("fk_jobs_dad_photo_id_photos"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["follows_job_id"], ["jobs.id"], name=op.f("fk_jobs_follows_job_id_jobs"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["mom_photo_id"], ["photos.id"], name=op.f("fk_jobs_mom_photo_id_photos"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["photo_id"], ["photos.id"], name=op.f("fk_jobs_photo_id_photos"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_jobs_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index(op.f("ix_jobs_dad_photo_id"), "jobs", ["dad_photo_id"])
    op.create_index(op.f("ix_jobs_follows_job_id"), "jobs", ["follows_job_id"])
    op.create_index(op.f("ix_jobs_mom_photo_id"), "jobs", ["mom_photo_id"])
    op.create_index(op.f("ix_jobs_photo_id"), "jobs", ["photo_id"])
    op.create_index(op.f("ix_jobs_state_finished_at"), "jobs", ["state", "finished_at"])
    op.create_index(op.f("ix_jobs_state_queued_at"), "jobs", ["state", "queued_at"])
    op.create_index(
        "ix_jobs_undelivered",
        "jobs",
        ["platform", "finished_at"],
        sqlite_where=sa.text("delivered_at IS NULL"),
        postgresql_where=sa.text("delivered_at IS NULL"),
    )
    op.create_index(op.f("ix_jobs_user_id_state"), "jobs", ["user_id", "state"])

    op.create_table(
        "results",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("blob_key", sa.String(length=32), nullable=False),
        sa.Column("mime", sa.String(length=64), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_results_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_results")),
        sa.UniqueConstraint("blob_key", name=op.f("uq_results_blob_key")),
        sa.UniqueConstraint("job_id", name=op.f("uq_results_job_id")),
    )
    op.create_index(op.f("ix_results_expires_at"), "results", ["expires_at"])


def downgrade() -> None:
    """Drop them, children before parents."""

    op.drop_table("results")

    op.drop_table("jobs")

    op.drop_table("photos")

    op.drop_table("latents")

    op.drop_table("conversations")
    op.drop_table("users")
