"""From nothing to the latest schema and back, on both databases, and never apart from the models."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Engine, Integer, MetaData, Table, inspect, text
from sqlalchemy.exc import DBAPIError

from storage import migrate
from storage.database import open_engine
from storage.errors import StorageUnavailable
from storage.models import Base
from tests.support.servers import PostgresServer

ROOT = Path(__file__).resolve().parents[2]
TABLES = {"users", "conversations", "photos", "latents", "jobs", "results", "doors", "switches", "signs"}
TABLES |= {"inbox", "inbox_answers", "secrets", "quota_uses"}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Address of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'data' / 'empty.sqlite3'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = server.create_database()
    yield server.url(name)
    server.drop_database(name)


def tables(url: str) -> set[str]:
    engine = open_engine(url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def fine_print(engine: Engine) -> dict[str, list[str]]:
    """All that can be said about each table, in an order of its own."""

    def plain(thing: Any) -> Any:
        if isinstance(thing, dict):
            return {key: plain(value) for key, value in sorted(thing.items())}
        return thing if isinstance(thing, bool | list) else str(thing)

    look = inspect(engine)
    asks = (
        look.get_columns,
        look.get_check_constraints,
        look.get_foreign_keys,
        look.get_indexes,
        look.get_unique_constraints,
    )
    return {table: sorted(str(plain(dict(thing))) for ask in asks for thing in ask(table)) for table in TABLES}


def test_an_empty_database_gets_the_newest_tables(empty_url: str) -> None:
    assert migrate.current(empty_url) is None
    migrate.upgrade(empty_url)
    assert migrate.current(empty_url) == migrate.newest()
    assert tables(empty_url) == TABLES | {"alembic_version"}


def test_migrating_again_changes_nothing(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    migrate.upgrade(empty_url)
    assert migrate.current(empty_url) == migrate.newest()


def test_models_and_migrations_agree(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    assert migrate.differences(empty_url) == []


def test_alembics_own_check_agrees(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    with migrate.migrating(empty_url) as config:
        command.check(config)


def test_the_check_would_notice_a_forgotten_migration(empty_url: str) -> None:
    """The two tests above are worth something only if they can fail."""
    migrate.upgrade(empty_url)
    engine = open_engine(empty_url)
    with engine.begin() as connection:
        connection.execute(text("DROP INDEX ix_jobs_undelivered"))
        connection.execute(text("ALTER TABLE users DROP COLUMN language"))
        Table("left_over", MetaData(), Column("id", Integer)).create(connection)
    engine.dispose()
    found = str(migrate.differences(empty_url))
    assert all(word in found for word in ("ix_jobs_undelivered", "language", "left_over"))


def test_constraints_and_where_clauses_agree_too(empty_url: str, request: pytest.FixtureRequest) -> None:
    """Alembic compares neither checks nor the WHERE of an index: compare with tables made from the models."""
    migrate.upgrade(empty_url)
    migrated = open_engine(empty_url)
    if empty_url.startswith("sqlite"):
        path = Path(str(migrated.url.database)).with_name("from_models.sqlite3")
        direct = open_engine(f"sqlite:///{path}")
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        name = server.create_database()
        direct = open_engine(server.url(name))
    Base.metadata.create_all(direct)

    try:
        assert fine_print(migrated) == fine_print(direct)
    finally:
        migrated.dispose()
        direct.dispose()


def test_the_way_back_leaves_nothing(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    migrate.downgrade(empty_url, "base")
    assert tables(empty_url) == {"alembic_version"}
    migrate.upgrade(empty_url)
    assert tables(empty_url) == TABLES | {"alembic_version"}


def test_every_step_goes_up_and_down(empty_url: str) -> None:
    with migrate.migrating(empty_url) as config:
        steps = [step.revision for step in ScriptDirectory.from_config(config).walk_revisions()][::-1]
    assert steps
    for revision in steps:
        migrate.upgrade(empty_url, revision)
        migrate.downgrade(empty_url, "-1")
        migrate.upgrade(empty_url, revision)
    assert migrate.current(empty_url) == migrate.newest()


def test_a_step_that_fails_changes_nothing(empty_url: str) -> None:
    engine = open_engine(empty_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE results (in_the_way INTEGER)"))
    engine.dispose()
    with pytest.raises((StorageUnavailable, DBAPIError)) as caught:
        migrate.upgrade(empty_url)
    assert "already exists" in f"{caught.value} {caught.value.__cause__}"
    assert migrate.current(empty_url) is None
    assert tables(empty_url) == {"results"}


def test_several_first_starts_at_once_migrate_once(empty_url: str) -> None:
    script = "import sys; from storage import migrate; migrate.upgrade(sys.argv[1])"
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", script, empty_url], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    assert [process.communicate(timeout=120)[1] for process in processes] == ["", "", ""]
    assert migrate.differences(empty_url) == []


def test_rows_survive_a_change_of_their_table_on_sqlite(tmp_path: Path) -> None:
    """SQLite changes a table by replacing it; with foreign keys on, that would delete everything below it."""
    url = f"sqlite:///{tmp_path / 'data.sqlite3'}"
    migrate.upgrade(url)
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO users (id, platform, platform_user_id, created_at) VALUES ('u', 'x', '1', '2026-01-01')")
        )
        connection.execute(text("INSERT INTO conversations VALUES ('x', 'c', 'u', '{}', 1, '2026-01-01')"))
    engine.dispose()

    with migrate.migrating(url) as config:
        operations = Operations(MigrationContext.configure(config.attributes["connection"]))
        with operations.batch_alter_table("users", recreate="always") as batch:
            batch.alter_column("language", new_column_name="tongue")

    engine = open_engine(url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM conversations")).scalar_one() == 1
    engine.dispose()


def test_a_database_that_is_away_is_a_passing_fault(tmp_path: Path) -> None:
    away = f"postgresql://nobody@/nothing?host={tmp_path}"
    for ask in (migrate.current, migrate.upgrade):
        with pytest.raises(StorageUnavailable):
            ask(away)


def test_revisions_are_named_by_what_they_change() -> None:
    for path in (ROOT / "migrations" / "versions").glob("[!_]*.py"):
        number, *words = path.stem.split("_")
        assert number.isdigit()
        assert len(words) >= 2, f"{path.name} does not say what it changes"
