"""Everything that is encrypted with the key: what stands in rows, and what the files of rows are bound to.

Whoever changes the key brings all of it under the new one (`rotation.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlalchemy import inspect, select, text, update

from storage.encryption import binding
from storage.errors import BlobDamaged, WrongKey
from storage.models import Base, InboxAnswerRow, InboxRow, JobRow, LatentRow, PhotoRow, ResultRow, SecretRow
from storage.repositories.base import RepositoryContext
from storage.repositories.inbox import update_name
from storage.repositories.quota_uses import secret_name

COLUMNS: Mapping[type[Base], Callable[[Any], str]] = {
    InboxRow: lambda row: update_name(row.source, row.number),
    InboxAnswerRow: lambda row: update_name(row.source, row.number, row.turn),
    SecretRow: lambda row: secret_name(row.name),
}
"""Tables with a column `sealed`, and the name that each row's content is bound to."""


class SealedColumns:
    """Repository across all tables that hold something encrypted."""

    def __init__(self, db: RepositoryContext) -> None:
        self._db = db

    def is_empty(self) -> bool:
        """Whether no row holds anything that only the key can open."""
        return not any(
            self._db.session.execute(select(model).where(self._sealed(model).is_not(None)).limit(1)).first()
            for model in COLUMNS
        )

    def lock(self) -> None:
        """Wait for those who are writing such columns, and let nobody else begin before the end of the unit.

        What they sealed before is then seen; who begins after it looks for a newer key first.
        """
        if self._db.session.get_bind().dialect.name == "postgresql":  # SQLite has one writer anyway
            # Those of COLUMNS.
            self._db.session.execute(text("LOCK TABLE inbox, inbox_answers, secrets IN SHARE ROW EXCLUSIVE MODE"))

    def renew(self) -> tuple[int, int]:
        """Seal anew what is not under the newest key; how many that were, and how many no key opens."""
        renewed = unreadable = 0
        for model, name_of in COLUMNS.items():
            for row in self._db.rows(select(model).where(self._sealed(model).is_not(None))):
                try:
                    renewed += self._renew(model, row, name_of(row))
                except (WrongKey, BlobDamaged):
                    unreadable += 1
        return renewed, unreadable

    def blob_contexts(self) -> Iterator[tuple[str, str]]:
        """The key of each blob that a row names, and what it is bound to."""
        for photo in self._db.rows(select(PhotoRow).where(PhotoRow.blob_key.is_not(None))):
            yield str(photo.blob_key), binding.of_photo(photo.kind, photo.owner_id, photo.id)
        for latent in self._db.rows(select(LatentRow)):
            yield (
                latent.blob_key,
                binding.of_latent(
                    latent.owner_id, latent.photo_sha256, latent.face, latent.encoder_version, latent.quality
                ),
            )
        drawn = select(ResultRow.blob_key, JobRow.user_id, JobRow.id).join(JobRow, JobRow.id == ResultRow.job_id)
        for blob_key, user_id, job_id in self._db.session.execute(drawn):
            yield blob_key, binding.of_result(user_id, job_id)

    def _renew(self, model: type[Base], row: Any, name: str) -> bool:
        blobs = self._db.blobs
        if blobs.is_newest(name, row.sealed):
            return False
        keys = [column == getattr(row, column.name) for column in inspect(model).primary_key]
        sealed = blobs.seal(name, blobs.unseal(name, row.sealed))
        self._db.change(update(model).where(*keys).values(sealed=sealed))
        return True

    @staticmethod
    def _sealed(model: type[Base]) -> Any:
        return inspect(model).columns["sealed"]
