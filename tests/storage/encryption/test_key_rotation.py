"""Changing the key while others read, write and delete, and when it is broken off."""

from __future__ import annotations

import base64
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from storage.blobs import DiskBlobs
from storage.database import open_database
from storage.encryption.key_rotation import RotationReport, rotate_key
from storage.encryption.keys import KeyFile, load_keys, load_or_create_key
from storage.encryption.sealing import Ring
from storage.errors import BlobDamaged, BlobMissing, KeyUnreadable, RotationRunning, WrongKey
from storage.repositories.quota_uses import person
from storage.unit_of_work import Store

CONTEXT = "photo original anna 1"


SOURCE = "telegram:1"


class Safe:
    """A folder of blobs, its key file, and a database with sealed columns."""

    def __init__(self, home: Path, database_url: str) -> None:
        self.path, self.folder = home / "secrets" / "key", home / "blobs"
        load_or_create_key(self.path)
        self.blobs = self.open()
        self.database = open_database(database_url)
        self.kept: dict[str, bytes] = {}

    def open(self, kind: type[DiskBlobs] = DiskBlobs) -> DiskBlobs:
        """As another process has it."""
        return kind(self.folder, KeyFile(self.path))

    def store(self, blobs: DiskBlobs | None = None) -> Store:
        """What another process opens now."""
        return Store(self.database, blobs or self.open())

    def fill(self, count: int) -> None:
        for number in range(count):
            data = b"photo %d" % number
            self.kept[self.blobs.put(data, CONTEXT)] = data

    def rotate(
        self, progress: Callable[[int], object] = lambda done: None, kind: type[DiskBlobs] = DiskBlobs
    ) -> RotationReport:
        blobs = self.open(kind)
        return rotate_key(self.path, self.store(blobs), blobs, progress)

    def all_there(self, blobs: DiskBlobs) -> bool:
        return all(blobs.get(key, CONTEXT) == data for key, data in self.kept.items())


@pytest.fixture
def safe(tmp_path: Path, database_url: str) -> Iterator[Safe]:
    safe = Safe(tmp_path, database_url)
    safe.fill(20)
    yield safe
    safe.database.close()


def test_everything_is_under_the_new_key_and_the_old_one_is_gone(safe: Safe) -> None:
    [old] = load_keys(safe.path)
    before = safe.path.open("rb")
    assert safe.rotate() == RotationReport(reencrypted=20, unreadable=0, resumed=False)
    [new] = load_keys(safe.path)
    assert new != old
    assert safe.all_there(safe.open())
    for key in safe.kept:
        with pytest.raises(WrongKey):
            DiskBlobs(safe.folder, [old]).get(key, CONTEXT)
    with before:
        assert before.read().strip() == b"", "the key must not stay in the blocks of the file that was"


def test_a_process_that_runs_meanwhile_notices_nothing(safe: Safe) -> None:
    over, faults = threading.Event(), []

    def live() -> None:
        blobs = safe.open()
        try:
            while not over.is_set():
                key = blobs.put(b"fresh", CONTEXT)
                assert blobs.get(key, CONTEXT) == b"fresh" and safe.all_there(blobs)
                safe.kept[key] = b"fresh"
                gone = blobs.put(b"short-lived", CONTEXT)
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

        def _write(self, key: str, sealed: bytes, like: os.stat_result | None = None) -> None:
            if not self.slept:
                self.slept = True
                safe.rotate()
            super()._write(key, sealed, like)

    key = safe.open(Slow).put(b"late", CONTEXT)
    assert safe.open().get(key, CONTEXT) == b"late"


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
        def _write(self, key: str, sealed: bytes, like: os.stat_result | None = None) -> None:
            deletions.append(threading.Thread(target=safe.blobs.delete, args=(key,)))
            deletions[-1].start()
            time.sleep(0.05)
            super()._write(key, sealed, like)

    assert safe.blobs.get(key, CONTEXT)
    safe.rotate(kind=Interrupted)
    for deletion in deletions:
        deletion.join()
    assert list(safe.blobs.keys()) == []
    with pytest.raises(BlobMissing):
        safe.blobs.get(key, CONTEXT)


def test_a_blob_keeps_its_date(safe: Safe) -> None:
    [path, *_] = [path for path in safe.folder.rglob("*") if path.is_file()]
    os.utime(path, (1_000_000_000, 1_000_000_000))
    safe.rotate()
    assert path.stat().st_mtime == 1_000_000_000


def test_what_no_key_opens_is_counted_and_left(safe: Safe) -> None:
    foreign = DiskBlobs(safe.folder, [b"f" * 32]).put(b"of another house", CONTEXT)
    assert safe.rotate().unreadable == 1
    assert foreign in set(safe.blobs.keys())


def test_two_changes_at_once_are_refused(safe: Safe) -> None:
    def again(done: int) -> None:
        with pytest.raises(RotationRunning):
            safe.rotate()

    safe.rotate(again)


def test_updates_that_wait_answers_and_secrets_can_be_read_under_the_new_key(safe: Safe) -> None:
    with safe.store().unit() as unit:
        assert unit.inbox.keep(SOURCE, 1, b"words of somebody")
        assert unit.inbox.take(SOURCE, 1, 0, b"what was answered")
        unit.uses.add("photo", person("telegram", "1"))
        unit.commit()
    assert safe.rotate() == RotationReport(reencrypted=23, unreadable=0, resumed=False)
    with safe.store().unit() as unit:
        assert [letter.data for letter in unit.inbox.waiting(SOURCE)] == [b"words of somebody"]
        assert unit.inbox.answer(SOURCE, 1, 0) == b"what was answered"
        assert unit.uses.used_at(1, "photo", person("telegram", "1")) is not None


def test_an_update_sealed_under_the_old_key_in_the_last_moment_is_sealed_again(safe: Safe) -> None:
    class Slow(DiskBlobs):
        """Falls asleep with the sealed bytes in its hand; meanwhile the whole change happens."""

        def seal(self, name: str, data: bytes) -> bytes:
            sealed = super().seal(name, data)
            if len(load_keys(safe.path)) == 1 and not rotated:
                rotated.append(safe.rotate())
            return sealed

    rotated: list[RotationReport] = []
    with safe.store(safe.open(Slow)).unit() as unit:
        assert unit.inbox.keep(SOURCE, 1, b"late")
        unit.commit()
    assert rotated
    with safe.store().unit() as unit:
        assert [letter.data for letter in unit.inbox.waiting(SOURCE)] == [b"late"]


def test_a_change_of_the_key_binds_what_an_older_version_wrote(safe: Safe) -> None:
    with safe.store().unit() as unit:
        photo = unit.photos.add(unit.users.get_or_add("telegram", "1").id, b"a photo", timedelta(hours=1))
        unit.commit()
    assert photo.blob_key is not None
    path = safe.folder / photo.blob_key[:2] / photo.blob_key
    path.write_bytes(Ring(load_keys(safe.path)).seal(photo.blob_key, b"a photo"))
    assert safe.blobs.get(photo.blob_key, "somebody else's") == b"a photo", "as older versions did"

    safe.rotate()
    with safe.store().read_only() as unit:
        assert unit.photos.data(photo.id) == b"a photo"
    with pytest.raises(BlobDamaged):
        safe.open().get(photo.blob_key, "somebody else's")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_root_leaves_key_and_blobs_to_whom_they_belong(safe: Safe) -> None:
    nobody = 65534
    files = [path for path in safe.folder.rglob("*") if path.is_file()]
    for path in (safe.path, *files):
        os.chown(path, nobody, nobody)
    safe.path.chmod(0o440)

    safe.rotate()

    owners = {(path.stat().st_uid, path.stat().st_gid) for path in (safe.path, *files)}
    assert owners == {(nobody, nobody)}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(safe.path.stat().st_mode) == 0o440
    assert (safe.path.parent / ".key.lock").stat().st_uid == nobody


@pytest.mark.parametrize("calls", range(4))
def test_no_old_key_stays_on_the_disk_after_a_kill_at_any_point(safe: Safe, calls: int) -> None:
    """Killed before one of the four steps that put the file in place: twice a second name, twice a replacement."""
    [old] = load_keys(safe.path)
    child = os.fork()
    if child == 0:
        real, left = {"link": os.link, "replace": os.replace}, [calls]

        def counted(name: str) -> Callable[..., None]:
            def step(source: Path, target: Path) -> None:
                if safe.path in (source, target):
                    if not left[0]:
                        os._exit(9)
                    left[0] -= 1
                real[name](source, target)

            return step

        os.link, os.replace = counted("link"), counted("replace")  # type: ignore[assignment]
        safe.rotate()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9

    assert safe.all_there(safe.open()), "nothing is lost"
    load_or_create_key(safe.path)
    assert {path.name for path in safe.path.parent.iterdir()} == {"key", ".key.lock"}
    safe.rotate()
    written = b"".join(path.read_bytes() for path in safe.path.parent.iterdir())
    assert base64.urlsafe_b64encode(old) not in written
    assert safe.all_there(safe.open())


def test_what_a_killed_change_left_is_overwritten_before_it_goes(safe: Safe) -> None:
    remains = safe.path.with_name(f".{safe.path.name}.{'a' * 16}")
    remains.write_bytes(b"an old key")
    with remains.open("rb") as before:
        load_or_create_key(safe.path)
        assert not remains.exists()
        assert before.read().strip() == b""


def test_a_second_name_of_the_key_file_is_removed_without_harm(safe: Safe) -> None:
    keys = load_keys(safe.path)
    os.link(safe.path, safe.path.with_name(f".{safe.path.name}.{'b' * 16}"))
    load_or_create_key(safe.path)
    assert load_keys(safe.path) == keys
    assert safe.path.stat().st_nlink == 1


def lose(path: Path) -> None:
    path.unlink()


def spoil(path: Path) -> None:
    path.write_bytes(b"no key at all")


def give_away(path: Path) -> None:
    """As a rotation by somebody else might have left it."""
    fresh = path.with_name("fresh")
    fresh.write_bytes(path.read_bytes())
    fresh.chmod(0o644)
    os.replace(fresh, path)


@pytest.mark.parametrize("change", [lose, spoil, give_away])
def test_a_process_that_cannot_read_the_key_any_more_writes_nothing_and_says_so(
    safe: Safe, change: Callable[[Path], None]
) -> None:
    said: list[KeyUnreadable] = []
    blobs = DiskBlobs(safe.folder, KeyFile(safe.path, said.append))
    files = len(list(safe.folder.rglob("*")))
    change(safe.path)
    with pytest.raises(KeyUnreadable):
        blobs.put(b"nobody could read this", CONTEXT)
    with pytest.raises(KeyUnreadable):
        blobs.seal("words", b"nor this")
    assert len(said) == 2
    assert len(list(safe.folder.rglob("*"))) == files
