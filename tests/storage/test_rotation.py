"""Changing the key while others read, write and delete, and when it is broken off."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage.blobs import DiskBlobs
from storage.errors import BlobMissing, RotationRunning, WrongKey
from storage.keys import KeyFile, load_keys, load_or_create_key
from storage.rotation import RotationReport, rotate_key


class Safe:
    """A folder of blobs and its key file."""

    def __init__(self, home: Path) -> None:
        self.path, self.folder = home / "secrets" / "key", home / "blobs"
        load_or_create_key(self.path)
        self.blobs = self.open()
        self.kept: dict[str, bytes] = {}

    def open(self, kind: type[DiskBlobs] = DiskBlobs) -> DiskBlobs:
        """As another process has it."""
        return kind(self.folder, KeyFile(self.path))

    def fill(self, count: int) -> None:
        for number in range(count):
            data = b"photo %d" % number
            self.kept[self.blobs.put(data)] = data

    def rotate(self, progress: Callable[[int], object] = lambda done: None) -> RotationReport:
        return rotate_key(self.path, self.open(), progress)

    def all_there(self, blobs: DiskBlobs) -> bool:
        return all(blobs.get(key) == data for key, data in self.kept.items())


@pytest.fixture
def safe(tmp_path: Path) -> Iterator[Safe]:
    safe = Safe(tmp_path)
    safe.fill(20)
    yield safe


def test_everything_is_under_the_new_key_and_the_old_one_is_gone(safe: Safe) -> None:
    [old] = load_keys(safe.path)
    before = safe.path.open("rb")
    assert safe.rotate() == RotationReport(reencrypted=20, unreadable=0, resumed=False)
    [new] = load_keys(safe.path)
    assert new != old
    assert safe.all_there(safe.open())
    for key in safe.kept:
        with pytest.raises(WrongKey):
            DiskBlobs(safe.folder, [old]).get(key)
    with before:
        assert before.read().strip() == b"", "the key must not stay in the blocks of the file that was"


def test_a_process_that_runs_meanwhile_notices_nothing(safe: Safe) -> None:
    over, faults = threading.Event(), []

    def live() -> None:
        blobs = safe.open()
        try:
            while not over.is_set():
                key = blobs.put(b"fresh")
                assert blobs.get(key) == b"fresh" and safe.all_there(blobs)
                safe.kept[key] = b"fresh"
                gone = blobs.put(b"short-lived")
                assert blobs.delete(gone)
        except BaseException as fault:
            faults.append(fault)

    living = threading.Thread(target=live)
    living.start()
    safe.rotate()
    safe.rotate()
    over.set()
    living.join()
    assert faults == []
    assert len(safe.kept) > 20 and safe.all_there(safe.open())
    assert set(safe.blobs.keys()) == set(safe.kept)


def test_a_blob_written_under_the_old_key_in_the_last_moment_is_written_again(safe: Safe) -> None:
    class Slow(DiskBlobs):
        """Falls asleep with the sealed bytes in its hand; meanwhile the whole change happens."""

        slept = False

        def _write(self, key: str, sealed: bytes) -> None:
            if not self.slept:
                self.slept = True
                safe.rotate()
            super()._write(key, sealed)

    key = safe.open(Slow).put(b"late")
    assert safe.open().get(key) == b"late"


def test_a_process_killed_half_way_is_brought_to_its_end_by_the_next(safe: Safe) -> None:
    [old] = load_keys(safe.path)
    child = os.fork()
    if child == 0:
        safe.rotate(lambda done: os._exit(9) if done == 7 else None)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9

    begun = load_keys(safe.path)
    assert begun[1:] == [old], "the old key stays while a blob needs it"
    assert safe.all_there(safe.open())
    assert safe.rotate() == RotationReport(reencrypted=13, unreadable=0, resumed=True)
    assert load_keys(safe.path) == begun[:1]
    assert safe.all_there(safe.open())


def test_a_blob_deleted_while_it_is_encrypted_again_stays_deleted(safe: Safe) -> None:
    key = next(iter(safe.kept))
    deletions: list[threading.Thread] = []

    class Interrupted(DiskBlobs):
        def _write(self, key: str, sealed: bytes) -> None:
            deletions.append(threading.Thread(target=safe.blobs.delete, args=(key,)))
            deletions[-1].start()
            time.sleep(0.05)
            super()._write(key, sealed)

    assert safe.blobs.get(key)
    rotate_key(safe.path, safe.open(Interrupted))
    for deletion in deletions:
        deletion.join()
    assert list(safe.blobs.keys()) == []
    with pytest.raises(BlobMissing):
        safe.blobs.get(key)


def test_a_blob_keeps_its_date(safe: Safe) -> None:
    [path, *_] = [path for path in safe.folder.rglob("*") if path.is_file()]
    os.utime(path, (1_000_000_000, 1_000_000_000))
    safe.rotate()
    assert path.stat().st_mtime == 1_000_000_000


def test_what_no_key_opens_is_counted_and_left(safe: Safe) -> None:
    foreign = DiskBlobs(safe.folder, [b"f" * 32]).put(b"of another house")
    assert safe.rotate().unreadable == 1
    assert foreign in set(safe.blobs.keys())


def test_two_changes_at_once_are_refused(safe: Safe) -> None:
    def again(done: int) -> None:
        with pytest.raises(RotationRunning):
            safe.rotate()

    safe.rotate(again)


def test_a_key_file_that_vanished_does_not_stop_a_running_process(safe: Safe) -> None:
    safe.path.unlink()
    assert safe.all_there(safe.blobs)
