"""The queries behind deletion and purge, across all tables. Blobs go with their rows, at the commit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import ColumnElement, Text, and_, cast, delete, exists, func, or_, select, update

from storage.models import ConversationRow, JobRow, LatentRow, PhotoRow, ResultRow, UserRow
from storage.redaction import without, without_cards, without_names
from storage.repositories.base import RepositoryContext
from storage.repositories.jobs import ACTIVE, FINISHED

RowT = TypeVar("RowT", PhotoRow, LatentRow, ResultRow, JobRow)

BATCH_OF_WORDS = 50
"""Searched for in one query: SQLite takes so many conditions, and no more than a thousand."""

_PHOTO_COLUMNS = (JobRow.photo_id, JobRow.mom_photo_id, JobRow.dad_photo_id)


@dataclass(frozen=True, slots=True)
class DeletionReport:
    """How much of one person's data was deleted."""

    photos: int = 0
    latents: int = 0
    results: int = 0
    jobs: int = 0
    conversations: int = 0
    settings: int = 0
    """1 when we knew the person, else 0."""


class Removal:
    """Repository of what is to go."""

    def __init__(self, db: RepositoryContext) -> None:
        self._db = db

    def remove_user(self, user_id: str) -> DeletionReport:
        """Remove a person's rows and blobs, what others drew from their photos, and what others' rows know of them."""
        # Locking the person first makes workers that are about to hang something on them wait, and then fail.
        person = self._db.row(select(UserRow).where(UserRow.id == user_id).with_for_update())
        if person is None:
            return DeletionReport()
        own_photos = select(PhotoRow.id).where(PhotoRow.owner_id == user_id)
        uses_photos = or_(*(column.in_(own_photos) for column in _PHOTO_COLUMNS))
        shows_them = or_(JobRow.user_id == user_id, uses_photos)
        locked = self._db.rows(select(JobRow).where(shows_them).order_by(JobRow.id).with_for_update())
        ids = {user_id, *self._db.session.scalars(own_photos)}
        for job in locked:
            if job.user_id != user_id:
                job.reply = without_cards(without(job.reply, ids, person.platform_user_id))
        self._forget_in_conversations(person, ids)

        results = self._remove_blobs_of(ResultRow, ResultRow.job_id.in_(select(JobRow.id).where(shows_them)))
        self._end_jobs_of_others(and_(uses_photos, JobRow.user_id != user_id))
        latents = self._remove_blobs_of(LatentRow, LatentRow.owner_id == user_id)
        jobs = self._db.change(delete(JobRow).where(JobRow.user_id == user_id))
        photos = self._remove_blobs_of(PhotoRow, PhotoRow.owner_id == user_id)
        conversations = self._db.change(delete(ConversationRow).where(ConversationRow.user_id == user_id))
        settings = self._db.change(delete(UserRow).where(UserRow.id == user_id))
        return DeletionReport(photos, latents, results, jobs, conversations, settings)

    def _forget_in_conversations(self, person: UserRow, ids: set[str]) -> None:
        """Other people's conversations, and the lists of groups, forget this person and their photos."""
        text = cast(ConversationRow.state, Text)
        others = and_(ConversationRow.user_id != person.id, ConversationRow.platform == person.platform)
        words = sorted({*ids, person.platform_user_id})
        for start in range(0, len(words), BATCH_OF_WORDS):
            some = or_(*(text.contains(word) for word in words[start : start + BATCH_OF_WORDS]))
            for row in self._db.rows(select(ConversationRow).where(others, some).with_for_update()):
                state = without(row.state, ids, person.platform_user_id)
                if state != row.state:
                    state = without_names(state)
                    # The new version makes a turn that is under way begin again, without them.
                    row.state, row.version = state, row.version + 1
        self._db.session.flush()

    def remove_strangers(self, met_before: datetime, limit: int) -> int:
        """Inactive people without consent, settings or photos."""
        chosen = (UserRow.language, UserRow.age, UserRow.mix, UserRow.sex, UserRow.refine, UserRow.wall)
        left = (
            exists().where(JobRow.user_id == UserRow.id),
            exists().where(PhotoRow.owner_id == UserRow.id),
            exists().where(LatentRow.owner_id == UserRow.id),
            exists().where(ConversationRow.user_id == UserRow.id, ConversationRow.updated_at > met_before),
        )
        unknown = and_(UserRow.consent_at.is_(None), UserRow.created_at <= met_before, ~or_(*left))
        nothing = and_(*(column.is_(None) for column in chosen))
        some = select(UserRow).where(unknown, nothing).limit(limit).with_for_update(skip_locked=True)
        return self._delete(self._db.rows(some))

    def remove_photo_data(self, now: datetime, limit: int) -> int:
        """Delete expired images; their rows stay as handles."""
        due = select(PhotoRow).where(PhotoRow.expires_at <= now, PhotoRow.blob_key.is_not(None))
        rows = self._db.rows(due.order_by(PhotoRow.expires_at).limit(limit).with_for_update(skip_locked=True))
        for row in rows:
            self._db.blobs.delete(str(row.blob_key))
            row.blob_key, row.kind = None, "gone"
        self._db.session.flush()
        return len(rows)

    def remove_photo_handles(self, now: datetime, limit: int) -> int:
        """Rows of photos go when no latent and no job names them any more.

        Also a finished job keeps them: only by the photo's row does a deletion find the pictures that others drew of
        its owner, what these look like and what was answered.
        """
        same_photo = and_(LatentRow.owner_id == PhotoRow.owner_id, LatentRow.photo_sha256 == PhotoRow.sha256)
        named = (exists().where(column == PhotoRow.id) for column in _PHOTO_COLUMNS)
        needed = or_(exists().where(same_photo), *named)
        return self._remove_some(
            PhotoRow, and_(PhotoRow.expires_at <= now, PhotoRow.blob_key.is_(None), ~needed), limit
        )

    def remove_latents(self, now: datetime, limit: int) -> int:
        """Delete expired latents."""
        return self._remove_some(LatentRow, LatentRow.expires_at <= now, limit)

    def remove_results(self, now: datetime, limit: int) -> int:
        """Delete expired results."""
        return self._remove_some(ResultRow, ResultRow.expires_at <= now, limit)

    def remove_jobs(self, finished_before: datetime, limit: int) -> int:
        """Delete old finished jobs without an image."""
        has_picture = exists().where(ResultRow.job_id == JobRow.id)
        over = and_(JobRow.state.in_(FINISHED), JobRow.finished_at <= finished_before, ~has_picture)
        return self._remove_some(JobRow, over, limit)

    def remove_conversations(self, idle_since: datetime, limit: int) -> int:
        """Delete abandoned conversations."""
        idle = select(ConversationRow).where(ConversationRow.updated_at <= idle_since)
        return self._delete(self._db.rows(idle.limit(limit).with_for_update(skip_locked=True)))

    def unnamed(self, keys: Iterable[str]) -> list[str]:
        """Those of the blob keys that no row names."""
        keys = list(keys)
        named: set[str | None] = set()
        for column in (PhotoRow.blob_key, LatentRow.blob_key, ResultRow.blob_key):
            named.update(self._db.session.scalars(select(column).where(column.in_(keys))))
        return [key for key in keys if key not in named]

    def _end_jobs_of_others(self, condition: ColumnElement[bool]) -> None:
        """Whoever waits for such a picture gets a clear answer; facts about the face go in any case."""
        self._db.change(update(JobRow).where(condition).values(result={}, error_facts={}))
        waiting = or_(JobRow.state.in_(ACTIVE), and_(JobRow.state == "done", JobRow.delivered_at.is_(None)))
        ended = {
            "state": "failed",
            "error_code": "photo_gone",
            "finished_at": func.coalesce(JobRow.finished_at, self._db.now()),
            "claimed_until": None,
        }
        self._db.change(update(JobRow).where(condition, waiting).values(**ended))

    def _remove_blobs_of(self, model: type[RowT], condition: ColumnElement[bool]) -> int:
        return self._delete(self._db.rows(select(model).where(condition).with_for_update()))

    def _remove_some(self, model: type[RowT], condition: ColumnElement[bool], limit: int) -> int:
        # Two purges at once share the work: neither waits for rows that the other has in hand.
        some = select(model).where(condition).limit(limit).with_for_update(skip_locked=True)
        return self._delete(self._db.rows(some))

    def _delete(self, rows: Iterable[PhotoRow | LatentRow | ResultRow | JobRow | ConversationRow | UserRow]) -> int:
        count = 0
        for row in rows:
            if isinstance(row, PhotoRow | LatentRow | ResultRow) and row.blob_key is not None:
                self._db.blobs.delete(row.blob_key)
            self._db.session.delete(row)
            count += 1
        self._db.session.flush()
        return count
