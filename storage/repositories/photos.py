"""Photos sent by people. The image is deleted early; the row remains as a parent's handle."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from storage.encryption import binding
from storage.errors import BlobMissing, NotFound, PhotoGone
from storage.models import PhotoRow
from storage.records import Photo
from storage.repositories.base import RepositoryContext, new_id, record_of


class Photos:
    """Repository of photos."""

    def __init__(self, db: RepositoryContext) -> None:
        self._db = db

    def add(self, owner_id: str, data: bytes, ttl: timedelta) -> Photo:
        """Keep a photo as received, encrypted, for at most `ttl`. Raises `NotFound` when the owner was deleted."""
        now = self._db.now()
        # The blob first: on SQLite the write lock is then held only for the insert, not for the disk.
        photo_id = new_id()
        row = PhotoRow(
            id=photo_id,
            owner_id=owner_id,
            sha256=hashlib.sha256(data).hexdigest(),
            blob_key=self._db.blobs.put(data, binding.of_photo("original", owner_id, photo_id)),
            kind="original",
            warnings=[],
            created_at=now,
            expires_at=now + ttl,
        )
        with self._db.owner_must_exist("user", owner_id):
            self._db.session.add(row)
            self._db.session.flush()
        return self.get(row.id)

    def get(self, photo_id: str) -> Photo:
        """Raises `NotFound`."""
        return record_of(Photo, self._row(photo_id))

    def data(self, photo_id: str) -> bytes:
        """The picture (`kind` tells whether the original or the crop). Raises `NotFound`, `PhotoGone`."""
        row = self._row(photo_id)
        if row.blob_key is None or row.expires_at <= self._db.now():
            raise PhotoGone(photo_id=photo_id)
        try:
            return self._db.blobs.get(row.blob_key, binding.of_photo(row.kind, row.owner_id, row.id))
        except BlobMissing as error:
            raise PhotoGone(photo_id=photo_id) from error

    def replace_with_crop(self, photo_id: str, png: bytes) -> Photo:
        """Keep only the small aligned face, until the refinement is through. Raises `NotFound`, `PhotoGone`."""
        row = self._row(photo_id, lock=True)
        if row.blob_key is None:
            raise PhotoGone(photo_id=photo_id)
        self._db.blobs.delete(row.blob_key)
        row.blob_key = self._db.blobs.put(png, binding.of_photo("crop", row.owner_id, row.id))
        row.kind = "crop"
        return self._saved(row)

    def forget_data(self, photo_id: str) -> Photo:
        """Delete the picture, keep the handle; does nothing the second time. Raises `NotFound`."""
        row = self._row(photo_id, lock=True)
        if row.blob_key is not None:
            self._db.blobs.delete(row.blob_key)
            row.blob_key, row.kind = None, "gone"
        return self._saved(row)

    def set_facts(
        self,
        photo_id: str,
        *,
        sex: str | None,
        sex_confidence: float | None,
        estimated_age: float | None,
        warnings: Sequence[str] = (),
    ) -> Photo:
        """Note what the encoder saw. Raises `NotFound`."""
        row = self._row(photo_id, lock=True)
        row.sex, row.sex_confidence, row.estimated_age = sex, sex_confidence, estimated_age
        row.warnings = list(warnings)
        return self._saved(row)

    def choose_face(self, photo_id: str, face: int | None) -> Photo:
        """Say which of several faces is meant (an index into `SeveralFaces.boxes`). Raises `NotFound`."""
        row = self._row(photo_id, lock=True)
        row.face = face
        return self._saved(row)

    def due_for_deletion(self, now: datetime, limit: int = 100) -> list[Photo]:
        """Expired photos whose image still exists, oldest first."""
        query = select(PhotoRow).where(PhotoRow.expires_at <= now, PhotoRow.blob_key.is_not(None))
        rows = self._db.rows(query.order_by(PhotoRow.expires_at, PhotoRow.id).limit(limit))
        return [record_of(Photo, row) for row in rows]

    def _row(self, photo_id: str, *, lock: bool = False) -> PhotoRow:
        query = select(PhotoRow).where(PhotoRow.id == photo_id)
        row = self._db.row(query.with_for_update() if lock else query)
        if row is None:
            raise NotFound(what="photo", id=photo_id)
        return row

    def _saved(self, row: PhotoRow) -> Photo:
        self._db.session.flush()
        return record_of(Photo, row)
