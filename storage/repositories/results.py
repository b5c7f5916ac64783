"""Images made by jobs, encrypted, kept for a limited time."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from storage.encryption import binding
from storage.errors import NotFound
from storage.models import JobRow, ResultRow
from storage.records import Result
from storage.repositories.base import RepositoryContext, new_id, record_of


class Results:
    """Repository of results, at most one per job."""

    def __init__(self, db: RepositoryContext) -> None:
        self._db = db

    def add(self, job_id: str, data: bytes, mime: str, width: int, height: int, ttl: timedelta) -> Result:
        """Keep the picture of a job for `ttl`.

        A job that already has one keeps it: the same seed draws the same child, and a courier may be reading the first.
        Raises `NotFound` when the job was deleted.
        """
        there = self.for_job(job_id)
        if there is not None:
            return there
        now = self._db.now()
        key = self._db.blobs.put(data, self._context(job_id))
        with self._db.owner_must_exist("job", job_id):
            added = self._db.insert_unless_there(
                ResultRow,
                id=new_id(),
                job_id=job_id,
                blob_key=key,
                mime=mime,
                width=width,
                height=height,
                created_at=now,
                expires_at=now + ttl,
            )
        if not added:  # somebody was quicker by a moment
            self._db.blobs.delete(key)
        result = self.for_job(job_id)
        if result is None:
            raise NotFound(what="job", id=job_id)
        return result

    def for_job(self, job_id: str) -> Result | None:
        """The picture of a job, or None when there is none (any more)."""
        row = self._db.row(select(ResultRow).where(ResultRow.job_id == job_id))
        return None if row is None else record_of(Result, row)

    def data(self, result_id: str) -> bytes:
        """The encoded picture. Raises `NotFound`, `BlobMissing`."""
        row = self._db.row(select(ResultRow).where(ResultRow.id == result_id))
        if row is None:
            raise NotFound(what="result", id=result_id)
        return self._db.blobs.get(row.blob_key, self._context(row.job_id))

    def _context(self, job_id: str) -> str:
        user_id = self._db.session.scalar(select(JobRow.user_id).where(JobRow.id == job_id))
        if user_id is None:
            raise NotFound(what="job", id=job_id)
        return binding.of_result(user_id, job_id)

    def due_for_deletion(self, now: datetime, limit: int = 100) -> list[Result]:
        """Expired results, oldest first."""
        query = select(ResultRow).where(ResultRow.expires_at <= now)
        rows = self._db.rows(query.order_by(ResultRow.expires_at).limit(limit))
        return [record_of(Result, row) for row in rows]
