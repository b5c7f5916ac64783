import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage.blobs import DiskBlobs
from storage.encryption.keys import add_key, decode_key, drop_old_keys, load_keys, load_or_create_key
from storage.errors import KeyExposed, KeyLost, WrongKey

CONTEXT = "photo original anna 1"


def test_the_first_start_makes_a_key_that_only_we_may_read(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "blob.key"
    key = load_or_create_key(path)
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {entry.name for entry in path.parent.iterdir()} == {"blob.key", ".blob.key.lock"}


def test_later_starts_find_the_same_key(tmp_path: Path) -> None:
    path = tmp_path / "blob.key"
    assert load_or_create_key(path) == load_or_create_key(path)
    assert load_keys(path) == [load_or_create_key(path)]


def test_two_new_keys_differ(tmp_path: Path) -> None:
    assert load_or_create_key(tmp_path / "a") != load_or_create_key(tmp_path / "b")


def test_many_first_starts_at_once_agree_on_one_key(tmp_path: Path) -> None:
    path = tmp_path / "blob.key"
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _: load_or_create_key(path), range(64)))
    assert len(found) == 1


def test_changing_the_key_keeps_every_blob_readable_until_the_end(tmp_path: Path) -> None:
    path, folder = tmp_path / "blob.key", tmp_path / "blobs"
    old = load_or_create_key(path)
    name = DiskBlobs(folder, load_keys(path)).put(b"photo", CONTEXT)

    new = add_key(path)
    assert load_keys(path) == [new, old]
    blobs = DiskBlobs(folder, load_keys(path))
    assert blobs.get(name, CONTEXT) == b"photo"
    assert blobs.reencrypt(name)

    assert drop_old_keys(path) == 1
    assert load_keys(path) == [new]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert DiskBlobs(folder, load_keys(path)).get(name, CONTEXT) == b"photo"


@pytest.mark.parametrize("content", ["", "\n", "not base64!", "c2hvcnQ=", "é"])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "blob.key"
    path.write_text(content, "utf-8")
    path.chmod(0o600)
    with pytest.raises(WrongKey):
        load_or_create_key(path)
    assert path.read_text("utf-8") == content


def test_a_missing_file_holds_no_keys(tmp_path: Path) -> None:
    with pytest.raises(WrongKey):
        load_keys(tmp_path / "nothing")


def test_a_key_in_text_form_is_read(tmp_path: Path) -> None:
    path = tmp_path / "blob.key"
    key = load_or_create_key(path)
    assert decode_key(path.read_text()) == key


def test_a_missing_key_is_not_replaced_where_something_was_encrypted_with_it(tmp_path: Path) -> None:
    path = tmp_path / "blob.key"
    with pytest.raises(KeyLost):
        load_or_create_key(path, lambda: True)
    assert not path.exists()
    assert load_or_create_key(path, lambda: False)


def test_a_key_that_another_process_makes_in_this_moment_is_not_called_lost(tmp_path: Path) -> None:
    path = tmp_path / "blob.key"
    made: list[bytes] = []

    def in_use() -> bool:
        made.append(load_or_create_key(path))
        return True

    assert load_or_create_key(path, in_use) == made[0]


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o666, 0o660, 0o602])
def test_a_key_that_other_users_may_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "blob.key"
    load_or_create_key(path)
    path.chmod(mode)
    with pytest.raises(KeyExposed) as caught:
        load_or_create_key(path)
    assert caught.value.facts()["mode"] == f"{mode:03o}"


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o440])
def test_a_key_that_its_owner_and_group_may_read_is_taken(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "blob.key"
    key = load_or_create_key(path)
    path.chmod(mode)
    assert load_or_create_key(path) == key
