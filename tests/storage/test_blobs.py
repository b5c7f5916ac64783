import os
import resource
import secrets
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.blobs import DiskBlobs
from storage.encryption.sealing import Ring
from storage.errors import BlobDamaged, BlobMissing, StorageUnavailable, WrongKey

KEY, OTHER_KEY = secrets.token_bytes(32), secrets.token_bytes(32)
PICTURE = b"\xff\xd8\xff\xe0 JFIF and a face in plain sight " * 100
CONTEXT = "photo original anna 1"
LATER = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def blobs(folder: Path) -> DiskBlobs:
    return DiskBlobs(folder, [KEY])


def file_of(folder: Path, key: str) -> Path:
    return folder / key[:2] / key


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(data=st.binary(max_size=5000))
def test_any_bytes_come_back_as_they_were(blobs: DiskBlobs, data: bytes) -> None:
    assert blobs.get(blobs.put(data, CONTEXT), CONTEXT) == data


def test_the_file_shows_nothing_of_the_picture(blobs: DiskBlobs, folder: Path) -> None:
    sealed = file_of(folder, blobs.put(PICTURE, CONTEXT)).read_bytes()
    assert not any(PICTURE[at : at + 8] in sealed for at in range(0, 64, 4))


def test_equal_pictures_get_unequal_keys_and_files(blobs: DiskBlobs, folder: Path) -> None:
    one, two = blobs.put(PICTURE, CONTEXT), blobs.put(PICTURE, CONTEXT)
    assert one != two
    assert file_of(folder, one).read_bytes()[-64:] != file_of(folder, two).read_bytes()[-64:]


def test_nobody_else_on_the_machine_may_read(blobs: DiskBlobs, folder: Path) -> None:
    path = file_of(folder, blobs.put(PICTURE, CONTEXT))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for above in (path.parent, folder):
        assert stat.S_IMODE(above.stat().st_mode) == 0o700


def test_a_deleted_blob_is_missing(blobs: DiskBlobs) -> None:
    key = blobs.put(PICTURE, CONTEXT)
    assert blobs.delete(key)
    assert not blobs.delete(key)
    with pytest.raises(BlobMissing):
        blobs.get(key, CONTEXT)
    assert list(blobs.keys()) == []


@pytest.mark.parametrize("key", ["", "..", "../../etc/passwd", "A" * 32, "0" * 31, "0" * 32 + "\n", "é" * 32])
def test_what_is_no_key_never_leads_out_of_the_folder(blobs: DiskBlobs, key: str) -> None:
    with pytest.raises(BlobMissing):
        blobs.get(key, CONTEXT)
    with pytest.raises(BlobMissing):
        blobs.delete(key)


@pytest.mark.parametrize("at", [0, 5, 15, 30, -1])
def test_one_altered_byte_anywhere_is_noticed(blobs: DiskBlobs, folder: Path, at: int) -> None:
    path = file_of(folder, key := blobs.put(PICTURE, CONTEXT))
    sealed = bytearray(path.read_bytes())
    sealed[at] ^= 1
    path.write_bytes(sealed)
    with pytest.raises((BlobDamaged, WrongKey)):
        blobs.get(key, CONTEXT)


@pytest.mark.parametrize("length", [0, 3, 23, 24, 30])
def test_a_file_cut_short_is_noticed(blobs: DiskBlobs, folder: Path, length: int) -> None:
    path = file_of(folder, key := blobs.put(PICTURE, CONTEXT))
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(BlobDamaged):
        blobs.get(key, CONTEXT)


def test_a_file_in_the_place_of_another_does_not_open(blobs: DiskBlobs, folder: Path) -> None:
    mine, theirs = blobs.put(b"my photo", CONTEXT), blobs.put(b"their photo", CONTEXT)
    os.replace(file_of(folder, theirs), file_of(folder, mine))
    with pytest.raises(BlobDamaged):
        blobs.get(mine, CONTEXT)


def test_what_is_bound_to_one_owner_does_not_open_for_another(blobs: DiskBlobs) -> None:
    key = blobs.put(PICTURE, CONTEXT)
    with pytest.raises(BlobDamaged):
        blobs.get(key, "photo original ben 2")


def test_another_master_key_leaves_a_blob_bound(blobs: DiskBlobs, folder: Path) -> None:
    key = blobs.put(PICTURE, CONTEXT)
    both = DiskBlobs(folder, [OTHER_KEY, KEY])
    assert both.reencrypt(key)
    assert both.get(key, CONTEXT) == PICTURE
    with pytest.raises(BlobDamaged):
        both.get(key, "photo original ben 2")


def written_before_blobs_were_bound(folder: Path, data: bytes) -> str:
    key = secrets.token_hex(16)
    file_of(folder, key).parent.mkdir(parents=True, mode=0o700)
    file_of(folder, key).write_bytes(Ring([KEY]).seal(key, data))
    return key


def test_older_blobs_open_until_they_are_bound(blobs: DiskBlobs, folder: Path) -> None:
    key = written_before_blobs_were_bound(folder, PICTURE)
    assert blobs.get(key, CONTEXT) == PICTURE
    assert DiskBlobs(folder, [OTHER_KEY, KEY]).reencrypt(key)
    both = DiskBlobs(folder, [OTHER_KEY])
    assert both.get(key, CONTEXT) == PICTURE

    assert both.bind(key, CONTEXT)
    assert not both.bind(key, CONTEXT)
    assert both.get(key, CONTEXT) == PICTURE
    with pytest.raises(BlobDamaged):
        both.get(key, "photo original ben 2")


def test_without_the_right_key_nothing_opens(blobs: DiskBlobs, folder: Path) -> None:
    key = blobs.put(PICTURE, CONTEXT)
    with pytest.raises(WrongKey):
        DiskBlobs(folder, [OTHER_KEY]).get(key, CONTEXT)
    with pytest.raises(WrongKey):
        DiskBlobs(folder, [])


def test_old_keys_open_and_the_newest_closes(blobs: DiskBlobs, folder: Path) -> None:
    old = blobs.put(b"old", CONTEXT)
    both = DiskBlobs(folder, [OTHER_KEY, KEY])
    new = both.put(b"new", CONTEXT)
    assert (both.get(old, CONTEXT), both.get(new, CONTEXT)) == (b"old", b"new")
    with pytest.raises(WrongKey):
        blobs.get(new, CONTEXT)


def test_after_encrypting_again_the_old_key_is_not_needed(blobs: DiskBlobs, folder: Path) -> None:
    key = blobs.put(PICTURE, CONTEXT)
    both = DiskBlobs(folder, [OTHER_KEY, KEY])
    assert both.reencrypt(key)
    assert not both.reencrypt(key)
    assert DiskBlobs(folder, [OTHER_KEY]).get(key, CONTEXT) == PICTURE
    assert list(both.keys()) == [key]


def test_keys_can_be_asked_for_by_age(blobs: DiskBlobs, folder: Path) -> None:
    old, new = blobs.put(b"old", CONTEXT), blobs.put(b"new", CONTEXT)
    os.utime(file_of(folder, old), (1000, 1000))
    assert set(blobs.keys()) == {old, new}
    assert list(blobs.keys(written_before=datetime.fromtimestamp(2000, UTC))) == [old]
    assert set(blobs.keys(written_before=LATER)) == {old, new}


def test_drafts_of_a_crash_are_no_blobs_and_can_be_cleared(blobs: DiskBlobs, folder: Path) -> None:
    key = blobs.put(PICTURE, CONTEXT)
    draft = file_of(folder, key).with_name(f".{key}.0a1b2c3d")
    draft.write_bytes(b"half")
    assert list(blobs.keys()) == [key]
    assert blobs.delete_unfinished(written_before=datetime.fromtimestamp(2000, UTC)) == 0
    assert blobs.delete_unfinished(written_before=LATER) == 1
    assert not draft.exists()
    assert blobs.get(key, CONTEXT) == PICTURE


@pytest.fixture
def full_disk() -> Iterator[None]:
    """The system refuses to let any file of this process grow beyond 64 kB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("full_disk")
def test_a_disk_that_takes_no_more_is_a_passing_fault_and_leaves_nothing(blobs: DiskBlobs, folder: Path) -> None:
    with pytest.raises(StorageUnavailable) as caught:
        blobs.put(bytes(1_000_000), CONTEXT)
    assert isinstance(caught.value.__cause__, OSError)
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_a_folder_that_is_a_file_is_a_passing_fault(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("in the way")
    blobs = DiskBlobs(tmp_path / "blobs", [KEY])
    with pytest.raises(StorageUnavailable):
        blobs.put(b"photo", CONTEXT)
    with pytest.raises(StorageUnavailable):
        blobs.get("0" * 32, CONTEXT)
