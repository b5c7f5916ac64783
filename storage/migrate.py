"""Migrates a database to the latest schema. Alembic is configured in code; there is no ini file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from storage.database import database_faults, open_engine
from storage.models import Base

_LOCK = 0x0C41_1DFA
"""Number of the advisory lock under which PostgreSQL lets one process migrate at a time."""


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database to the newest (or a named) revision; harmless when it is there, or when two start at once.

    Raises `StorageUnavailable`, and then nothing has changed.
    """
    with migrating(url) as config:
        command.upgrade(config, revision)


def downgrade(url: str, revision: str) -> None:
    """Take tables back to an older revision, or to "base": nothing left."""
    with migrating(url) as config:
        command.downgrade(config, revision)


def current(url: str) -> str | None:
    """The revision of the database, None when it is empty. Raises `StorageUnavailable`."""
    engine = open_engine(url)
    try:
        with database_faults(), engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def newest() -> str | None:
    """The revision this version of the program wants."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def revisions() -> list[str]:
    """All revisions that this version of the program knows, newest first."""
    return [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()]


def differences(url: str) -> list[Any]:
    """What the tables in the database have more or less than the models; empty when both agree."""
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"compare_type": True, "compare_server_default": True}
            )
            return list(compare_metadata(context, Base.metadata))
    finally:
        engine.dispose()


@contextmanager
def migrating(url: str) -> Iterator[Config]:
    """Alembic's configuration for this database, within one transaction that only one process at a time can hold."""
    engine = open_engine(url, foreign_keys=False)
    try:
        with database_faults(), engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
            yield _config(connection)
            _check_references(connection)
    finally:
        engine.dispose()


def _check_references(connection: Connection) -> None:
    """Foreign keys were off on SQLite, so look before committing."""
    if connection.dialect.name == "sqlite":
        broken = connection.execute(text("PRAGMA foreign_key_check")).all()
        assert not broken, f"the migration broke {len(broken)} references"


def _config(connection: Connection | None = None) -> Config:
    package = find_spec("migrations")
    assert package is not None and package.submodule_search_locations
    config = Config()
    config.set_main_option("script_location", package.submodule_search_locations[0].replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
