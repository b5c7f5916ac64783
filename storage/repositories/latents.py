"""Cache of encoded faces, by owner, photo, face, encoder and quality: the second child needs no encoding."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, select, update

from storage.encryption import binding
from storage.errors import BlobMissing
from storage.models import NO_FACE_CHOSEN, LatentRow
from storage.records import Quality
from storage.repositories.base import RepositoryContext, new_id


class Latents:
    """Repository of latents; their bytes are blobs."""

    def __init__(self, db: RepositoryContext) -> None:
        self._db = db

    def find(
        self, owner_id: str, photo_sha256: str, face: int | None, encoder_version: str, quality: Quality
    ) -> bytes | None:
        """The latent, or None when it was never made or its time is over. Notes the use, so it needs `unit()`."""
        row = self._db.row(_one(owner_id, photo_sha256, face, encoder_version, quality))
        now = self._db.now()
        if row is None or row.expires_at <= now:
            return None
        try:
            data = self._db.blobs.get(row.blob_key, _context(row))
        except BlobMissing:
            return None  # a cache may lose things; `add` mends the row
        self._db.change(update(LatentRow).where(LatentRow.id == row.id).values(last_used_at=now))
        return data

    def add(
        self,
        owner_id: str,
        photo_sha256: str,
        face: int | None,
        encoder_version: str,
        quality: Quality,
        data: bytes,
        ttl: timedelta,
    ) -> None:
        """Keep a latent for `ttl`. A second one for the same key replaces the first, so a task may run twice.

        Raises `NotFound` when the owner was deleted.
        """
        now = self._db.now()
        which = NO_FACE_CHOSEN if face is None else face
        context = binding.of_latent(owner_id, photo_sha256, which, encoder_version, quality)
        values: dict[str, Any] = {
            "blob_key": self._db.blobs.put(data, context),
            "created_at": now,
            "last_used_at": now,
            "expires_at": now + ttl,
        }
        with self._db.owner_must_exist("user", owner_id):
            added = self._db.insert_unless_there(
                LatentRow,
                id=new_id(),
                owner_id=owner_id,
                photo_sha256=photo_sha256,
                face=which,
                encoder_version=encoder_version,
                quality=quality,
                **values,
            )
        if not added:
            row = self._db.row(_one(owner_id, photo_sha256, face, encoder_version, quality).with_for_update())
            if row is not None:
                self._db.blobs.delete(row.blob_key)
                self._db.change(update(LatentRow).where(LatentRow.id == row.id).values(**values))

    def due_for_deletion(self, now: datetime, limit: int = 100) -> list[str]:
        """Ids of expired latents, oldest first."""
        query = select(LatentRow).where(LatentRow.expires_at <= now)
        return [row.id for row in self._db.rows(query.order_by(LatentRow.expires_at).limit(limit))]


def _context(row: LatentRow) -> str:
    return binding.of_latent(row.owner_id, row.photo_sha256, row.face, row.encoder_version, row.quality)


def _one(
    owner_id: str, photo_sha256: str, face: int | None, encoder_version: str, quality: Quality
) -> Select[LatentRow]:
    return select(LatentRow).where(
        LatentRow.owner_id == owner_id,
        LatentRow.photo_sha256 == photo_sha256,
        LatentRow.face == (NO_FACE_CHOSEN if face is None else face),
        LatentRow.encoder_version == encoder_version,
        LatentRow.quality == quality,
    )
