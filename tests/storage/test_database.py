import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from storage.blobs import DiskBlobs
from storage.database import database_faults, normal_url, open_database
from storage.errors import DatabaseDamaged, FolderUnusable, UnsupportedDatabase
from storage.unit_of_work import Store

NO_BLOBS = DiskBlobs(Path("/nowhere"), [b"k" * 32])


def test_sqlite_is_set_up_for_several_writers_and_for_forgetting(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    with database.engine.connect() as connection:
        names = ("journal_mode", "foreign_keys", "secure_delete", "busy_timeout")
        found = {name: connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in names}
    assert found == {"journal_mode": "wal", "foreign_keys": 1, "secure_delete": 1, "busy_timeout": 30_000}
    database.close()


def test_the_sqlite_file_and_its_side_files_are_private(tmp_path: Path) -> None:
    path = tmp_path / "data" / "childface.sqlite3"
    database = open_database(f"sqlite:///{path}")
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (x)"))
        modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
    database.close()
    assert modes[path.name] == 0o600
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("url", ["postgres://u:p@h/d", "postgresql://u:p@h/d", "postgresql+psycopg://u:p@h/d"])
def test_every_way_to_write_a_postgresql_address_gets_our_driver(url: str) -> None:
    assert normal_url(url).render_as_string(hide_password=False) == "postgresql+psycopg://u:p@h/d"


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?uri=true", "mysql://u:p@h/d", "nonsense", ""]
)
def test_other_databases_are_refused_without_repeating_a_password(url: str) -> None:
    with pytest.raises(UnsupportedDatabase) as caught:
        open_database(url)
    assert "u:p" not in str(caught.value)


def test_opening_postgresql_connects_only_when_needed(tmp_path: Path) -> None:
    open_database(f"postgresql://nobody@/nothing?host={tmp_path}").close()


def test_a_file_that_is_no_database_is_called_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "childface.sqlite3"
    path.write_bytes(b"something else altogether" * 1000)
    database = open_database(f"sqlite:///{path}")
    with pytest.raises(DatabaseDamaged) as caught, database_faults(), database.engine.connect():
        pass
    assert caught.value.facts() == {"path": str(path)}
    database.close()


def test_a_database_whose_pages_were_damaged_is_called_by_its_name(sqlite_url: str, tmp_path: Path) -> None:
    path = tmp_path / "childface.sqlite3"
    pages = path.read_bytes()
    path.write_bytes(pages[:4096] + bytes(0xA5 for _ in pages[4096:]))
    database = open_database(sqlite_url)
    with pytest.raises(DatabaseDamaged), Store(database, NO_BLOBS).read_only() as unit:
        unit.users.find("telegram", "1")
    with pytest.raises(DatabaseDamaged), Store(database, NO_BLOBS).unit() as unit:
        unit.users.get_or_add("telegram", "1")
    database.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(FolderUnusable) as caught:
        open_database(f"sqlite:///{tmp_path / 'data' / 'childface.sqlite3'}")
    assert caught.value.path == str(tmp_path / "data")


def test_a_full_disk_is_a_passing_fault_that_names_the_folder_and_changes_nothing(
    sqlite_url: str, tmp_path: Path
) -> None:
    database = open_database(sqlite_url)
    store = Store(database, NO_BLOBS)
    with store.unit() as unit:
        user = unit.users.get_or_add("telegram", "1")
        unit.commit()
    with files_may_grow_to(64 * 1024), pytest.raises(FolderUnusable) as caught, store.unit() as unit:
        unit.conversations.save("telegram", "1", user.id, {"words": "x" * 1_000_000})
        unit.commit()
    assert caught.value.path == str(tmp_path) and caught.value.database
    with store.read_only() as unit:
        assert unit.conversations.get("telegram", "1", user.id) is None
    database.close()


@contextmanager
def files_may_grow_to(size: int) -> Iterator[None]:
    """The system refuses to let any file of this process grow beyond that, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
