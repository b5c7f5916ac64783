"""The tables. Used only inside `storage/` and `migrations/`; others see `records.py`.

Picture bytes and latents never enter the database: a row holds the key of an encrypted blob.
Deleting a user takes everything of theirs along by foreign keys; blobs are the business of `deletion.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

NO_FACE_CHOSEN = -1
"""Stands for None in `latents.face`: NULLs never collide in a unique constraint, and these must."""


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in, aware UTC out, on both databases. SQLite keeps no zone, PostgreSQL answers in the session's."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive moment: it is our own mistake, and guessing a zone would hide it."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone must not be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Gives every constraint a name, so that a migration can change it on both databases."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads this name from the class
        str: String(),
        datetime: UtcDateTime(),
        dict[str, Any]: JSON(),
        list[str]: JSON(),
    }


def _id() -> Any:
    return mapped_column(String(32), primary_key=True)


def _link(target: str, *, on_delete: str, nullable: bool = False, index: bool = True) -> Any:
    return mapped_column(String(32), ForeignKey(target, ondelete=on_delete), nullable=nullable, index=index)


class UserRow(Base):
    """A person on a platform and their settings."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("platform", "platform_user_id"),)

    id: Mapped[str] = _id()
    platform: Mapped[str] = mapped_column(String(32))
    platform_user_id: Mapped[str] = mapped_column(String(64))
    language: Mapped[str | None] = mapped_column(String(35))
    age: Mapped[float | None]
    mix: Mapped[float | None]
    sex: Mapped[str | None] = mapped_column(String(16))
    refine: Mapped[bool | None]
    wall: Mapped[bool | None]
    consent_at: Mapped[datetime | None]
    consent_version: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime]


class DoorRow(Base):
    """A person or chat allowed or blocked by command. Independent of `users`, so deleting data lifts no block."""

    __tablename__ = "doors"
    __table_args__ = (CheckConstraint("verdict in ('allow', 'block')", name="verdict"),)

    platform: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[str] = mapped_column(String(128), primary_key=True)
    verdict: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]


class SwitchRow(Base):
    """A system-wide switch; on if the row exists."""

    __tablename__ = "switches"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    since: Mapped[datetime]


class SignRow(Base):
    """A sign of life of a worker or a purge; or, of kind "mark", when something was done last."""

    __tablename__ = "signs"

    source: Mapped[str] = mapped_column(String(128), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    since: Mapped[datetime]
    seen_at: Mapped[datetime]
    again_in: Mapped[float]
    facts: Mapped[dict[str, Any]]


class ConversationRow(Base):
    """State of the dialogue of one person in one chat."""

    __tablename__ = "conversations"

    platform: Mapped[str] = mapped_column(String(32), primary_key=True)
    chat_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    user_id: Mapped[str] = mapped_column(
        String(32), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    state: Mapped[dict[str, Any]]
    version: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(index=True)


class PhotoRow(Base):
    """A photo; the image is deleted once its latent exists, the row stays as a handle."""

    __tablename__ = "photos"
    __table_args__ = (
        CheckConstraint("kind in ('original', 'crop', 'gone')", name="kind"),
        CheckConstraint("(kind = 'gone') = (blob_key is null)", name="gone_has_no_blob"),
        Index(None, "owner_id", "sha256"),
    )

    id: Mapped[str] = _id()
    owner_id: Mapped[str] = _link("users.id", on_delete="CASCADE", index=False)
    sha256: Mapped[str] = mapped_column(String(64))
    face: Mapped[int | None]
    blob_key: Mapped[str | None] = mapped_column(String(32), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    sex: Mapped[str | None] = mapped_column(String(16))
    sex_confidence: Mapped[float | None]
    estimated_age: Mapped[float | None]
    warnings: Mapped[list[str]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class LatentRow(Base):
    """Cache of encoded faces. The encoder's version is part of the key: a new encoder never reads old codes."""

    __tablename__ = "latents"
    __table_args__ = (UniqueConstraint("owner_id", "photo_sha256", "face", "encoder_version", "quality"),)

    id: Mapped[str] = _id()
    owner_id: Mapped[str] = _link("users.id", on_delete="CASCADE", index=False)
    photo_sha256: Mapped[str] = mapped_column(String(64))
    face: Mapped[int]
    encoder_version: Mapped[str] = mapped_column(String(128))
    quality: Mapped[str] = mapped_column(String(16))
    blob_key: Mapped[str] = mapped_column(String(32), unique=True)
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class JobRow(Base):
    """One piece of work and its delivery. Workers hold it by `claimed_until`, couriers by `delivery_claimed_until`."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("state in ('queued', 'running', 'done', 'failed', 'cancelled')", name="state"),
        Index(None, "user_id", "state"),
        Index(None, "user_id", "created_at"),
        Index(None, "platform", "chat_id", "created_at"),
        Index(None, "state", "queued_at"),
        Index(None, "state", "finished_at"),
    )

    id: Mapped[str] = _id()
    kind: Mapped[str] = mapped_column(String(16))
    user_id: Mapped[str] = _link("users.id", on_delete="CASCADE", index=False)
    platform: Mapped[str] = mapped_column(String(32))
    chat_id: Mapped[str] = mapped_column(String(128))
    photo_id: Mapped[str | None] = _link("photos.id", on_delete="SET NULL", nullable=True)
    mom_photo_id: Mapped[str | None] = _link("photos.id", on_delete="SET NULL", nullable=True)
    dad_photo_id: Mapped[str | None] = _link("photos.id", on_delete="SET NULL", nullable=True)
    wish: Mapped[dict[str, Any]]
    quality: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    stage: Mapped[str] = mapped_column(String(64))
    progress: Mapped[float]
    error_code: Mapped[str | None] = mapped_column(String(64))
    error_facts: Mapped[dict[str, Any]]
    result: Mapped[dict[str, Any]]
    attempts: Mapped[int]
    cancel_requested: Mapped[bool]
    follows_job_id: Mapped[str | None] = _link("jobs.id", on_delete="SET NULL", nullable=True)
    reply: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    queued_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    claimed_until: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    delivery_claimed_until: Mapped[datetime | None]
    delivery_attempts: Mapped[int]


# Delivered jobs soon outnumber the others by far; a courier asks every second and should not walk past them.
Index(
    "ix_jobs_undelivered",
    JobRow.platform,
    JobRow.finished_at,
    sqlite_where=JobRow.delivered_at.is_(None),
    postgresql_where=JobRow.delivered_at.is_(None),
)


class InboxRow(Base):
    """An update of a chat service: encrypted until answered, then only its id."""

    __tablename__ = "inbox"

    source: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    turns: Mapped[int]
    tries: Mapped[int]
    received_at: Mapped[datetime] = mapped_column(index=True)


# Numbers stay for a day; a bot that starts looks for those few that were not answered.
Index(
    "ix_inbox_unanswered",
    InboxRow.source,
    InboxRow.number,
    sqlite_where=InboxRow.sealed.is_not(None),
    postgresql_where=InboxRow.sealed.is_not(None),
)


class InboxAnswerRow(Base):
    """What one turn of an update answered, sealed, until it was shown."""

    __tablename__ = "inbox_answers"

    source: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    turn: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class SecretRow(Base):
    """A random secret of this installation, by what it is for; sealed, so that the database alone does not tell it."""

    __tablename__ = "secrets"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class QuotaUseRow(Base):
    """Something that counts for a quota. Not bound to `users`: deleting data must not give a fresh quota.

    `subject` is a keyed hash of a person's or chat's number, so it tells whose it was only to whoever has the key.
    """

    __tablename__ = "quota_uses"
    __table_args__ = (Index(None, "subject", "kind", "used_at"), Index(None, "kind", "used_at"))

    id: Mapped[str] = _id()
    subject: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    used_at: Mapped[datetime]


class ResultRow(Base):
    """The picture of a finished job; at most one, so that a task that runs twice stores it once."""

    __tablename__ = "results"

    id: Mapped[str] = _id()
    job_id: Mapped[str] = mapped_column(String(32), ForeignKey("jobs.id", ondelete="CASCADE"), unique=True)
    blob_key: Mapped[str] = mapped_column(String(32), unique=True)
    mime: Mapped[str] = mapped_column(String(64))
    width: Mapped[int]
    height: Mapped[int]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
