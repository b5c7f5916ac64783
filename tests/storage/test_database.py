import stat
from pathlib import Path

import pytest
from sqlalchemy import text

from storage.database import normal_url, open_database
from storage.errors import UnsupportedDatabase


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
