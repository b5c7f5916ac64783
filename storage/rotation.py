"""Changes the key under which blobs are encrypted, while bots and workers run.

    one key ──add──▶ new, old ──every blob under the new one──▶ new, old ──forget──▶ new

Running processes look at the key file before each blob (`KeyFile`), so they write under the new key from the moment it
is there, and read under both. Killed at any point, the next call goes on where this one stopped: two keys in the file
mean that a change was begun. The old key is overwritten at the very end.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from storage.blobs import DiskBlobs
from storage.errors import BlobDamaged, BlobMissing, RotationRunning, WrongKey
from storage.keys import add_key, drop_old_keys, load_keys


@dataclass(frozen=True, slots=True)
class RotationReport:
    """What a change of the key did."""

    reencrypted: int
    unreadable: int
    """Blobs that none of the keys opened, before as after."""
    resumed: bool
    """Whether an earlier change was brought to its end instead of beginning a new one."""


def rotate_key(path: Path, blobs: DiskBlobs, progress: Callable[[int], object] = lambda done: None) -> RotationReport:
    """Give all blobs a fresh key and destroy the old one. `blobs` must read its keys from the file at `path`.

    `progress` hears how many blobs one look has moved so far. Raises `RotationRunning` when another process is at it,
    `StorageUnavailable` when the disk fails; then the old key is still there, and a second call goes on.
    """
    with _alone(path):
        resumed = len(load_keys(path)) > 1
        if not resumed:
            add_key(path)
        done, unreadable = 0, set[str]()
        # Again and again, until a look at the whole folder finds nothing under an old key: what was being written while
        # the key came is found by the next look.
        while moved := _move_all(blobs, unreadable, progress):
            done += moved
        drop_old_keys(path)
    return RotationReport(done, len(unreadable), resumed)


def _move_all(blobs: DiskBlobs, unreadable: set[str], progress: Callable[[int], object]) -> int:
    moved = 0
    for key in blobs.keys():  # noqa: SIM118 - a method, not a dict
        try:
            moved += blobs.reencrypt(key)
        except BlobMissing:
            continue  # deleted meanwhile
        except (BlobDamaged, WrongKey):
            unreadable.add(key)
        progress(moved)
    return moved


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One change at a time; a killed process lets go by itself."""
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RotationRunning() from error
        yield
