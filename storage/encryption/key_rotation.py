"""Rotates the key that encrypts blobs while bots and workers run.

    one key ──add──▶ new, old ──everything under the new one──▶ new, old ──forget──▶ new

Running processes look at the key file before each blob (`KeyFile`), so they write under the new key from the moment it
is there, and read under both. Killed at any point, the next call goes on where this one stopped: two keys in the file
mean that a change was begun. The old key is overwritten at the very end.

On the way, blobs that an older version wrote are bound to what they belong to (`sealing.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from storage.blobs import DiskBlobs
from storage.encryption.keys import add_key, alone_with_key, drop_old_keys, load_keys, remove_remains
from storage.errors import BlobDamaged, BlobMissing, WrongKey
from storage.unit_of_work import Store


@dataclass(frozen=True, slots=True)
class RotationReport:
    """What a change of the key did."""

    reencrypted: int
    """Files and columns."""
    unreadable: int
    """Those that none of the keys opened, before as after."""
    resumed: bool
    """Whether an earlier change was brought to its end instead of beginning a new one."""


def rotate_key(
    path: Path, store: Store, blobs: DiskBlobs, progress: Callable[[int], object] = lambda done: None
) -> RotationReport:
    """Give everything that is encrypted a fresh key and destroy the old one.

    `blobs`, which are also those of `store`, must read their keys from the file at `path`. `progress` hears how many
    blobs one look has moved so far. Raises `RotationRunning` when another process is at it, `StorageUnavailable` when
    disk or database fail; then the old key is still there, and a second call goes on.
    """
    remove_remains(path)
    with alone_with_key(path):
        resumed = len(load_keys(path)) > 1
        if not resumed:
            add_key(path)
        _bind_older(store, blobs)
        move = _Move(store, blobs, progress)
        # Again and again, until a look at everything finds nothing under an old key: what was being written while the
        # key came is found by the next look.
        done = 0
        while moved := move():
            done += moved
        drop_old_keys(path)
    return RotationReport(done, len(move.unreadable) + move.unreadable_columns, resumed)


@dataclass
class _Move:
    """One look at everything: what is under an old key comes under the new one. Answers how much that was."""

    store: Store
    blobs: DiskBlobs
    progress: Callable[[int], object]
    unreadable: set[str] = field(default_factory=set)
    unreadable_columns: int = 0

    def __call__(self) -> int:
        return self._columns() + self._files()

    def _columns(self) -> int:
        with self.store.unit() as unit:
            unit.sealed.lock()
            renewed, self.unreadable_columns = unit.sealed.renew()
            unit.commit()
        return renewed

    def _files(self) -> int:
        moved = 0
        for key in self.blobs.keys():  # noqa: SIM118 - a method, not a dict
            try:
                moved += self.blobs.reencrypt(key)
            except BlobMissing:
                continue  # deleted meanwhile
            except (BlobDamaged, WrongKey):
                self.unreadable.add(key)
            self.progress(moved)
        return moved


def _bind_older(store: Store, blobs: DiskBlobs) -> None:
    with store.read_only() as unit:
        found = list(unit.sealed.blob_contexts())
    for key, context in found:
        try:
            blobs.bind(key, context)
        except (BlobMissing, BlobDamaged, WrongKey):
            continue  # deleted meanwhile, or one that no key opens: counted later
