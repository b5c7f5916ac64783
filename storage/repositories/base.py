"""Shared by all repositories: the context of their unit of work, and row-to-record conversion."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeVar

from sqlalchemy import CursorResult, Select, Table, inspect, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import UpdateBase

from storage.clock import Clock
from storage.errors import NotFound
from storage.models import Base


class BlobPort(Protocol):
    """The part of a blob store that takes part in a transaction."""

    def put(self, data: bytes, context: str) -> str:
        """Store, bound to `context`; return the key."""
        ...

    def get(self, key: str, context: str) -> bytes:
        """The bytes that were stored with this context."""
        ...

    def delete(self, key: str) -> None:
        """Remove, once the transaction is through."""
        ...

    def seal(self, name: str, data: bytes) -> bytes:
        """Encrypt for a column."""
        ...

    def unseal(self, name: str, sealed: bytes) -> bytes:
        """The reverse of `seal`."""
        ...

    def is_newest(self, name: str, sealed: bytes) -> bool:
        """Whether `seal` would use the same key now."""
        ...


class _Record(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


R = TypeVar("R", bound=_Record)
RowT = TypeVar("RowT", bound=Base)


@dataclass(frozen=True, slots=True)
class RepositoryContext:
    """Session, blobs and clock of one unit of work."""

    session: Session
    blobs: BlobPort
    clock: Clock

    def now(self) -> datetime:
        """The present moment."""
        return self.clock()

    def rows(self, query: Select[RowT]) -> list[RowT]:
        """Rows as they are in the database now, whatever the session saw before."""
        return list(self.session.scalars(query.execution_options(populate_existing=True)))

    def row(self, query: Select[RowT]) -> RowT | None:
        """The one row, or None."""
        return self.session.scalars(query.execution_options(populate_existing=True)).one_or_none()

    def change(self, statement: UpdateBase) -> int:
        """Run a conditional update; returns the number of rows changed, which decides races."""
        # Without `preserve_rowcount` an INSERT on psycopg answers -1.
        options = {"synchronize_session": False, "preserve_rowcount": True}
        result = self.session.execute(statement, execution_options=options)
        assert isinstance(result, CursorResult) and result.rowcount >= 0
        return int(result.rowcount)

    def insert_unless_there(self, model: type[Base], **values: Any) -> bool:
        """Insert; False, and no error, when a row with the same key exists. One statement, so no race."""
        table = model.__table__
        assert isinstance(table, Table)
        dialect = self.session.get_bind().dialect.name
        insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
        return self.change(insert(table).values(**values).on_conflict_do_nothing()) == 1

    def insert_sealed(self, model: type[Base], name: str, data: bytes, /, **values: Any) -> bool:
        """Insert a row with `data` encrypted in its column `sealed`; False when a row with the same key exists."""
        sealed = self.blobs.seal(name, data)
        if not self.insert_unless_there(model, sealed=sealed, **values):
            return False
        while not self.blobs.is_newest(name, sealed):
            # The key was changed meanwhile, and the change could not see this row.
            sealed = self.blobs.seal(name, data)
            keys = [column == values[column.name] for column in inspect(model).primary_key]
            self.change(update(model).where(*keys).values(sealed=sealed))
        return True

    @contextmanager
    def owner_must_exist(self, what: str, id: str) -> Iterator[None]:
        """Turn a broken foreign key into `NotFound`: the owner was deleted while we worked."""
        try:
            yield
        except IntegrityError as error:
            raise NotFound(what=what, id=id) from error


def new_id() -> str:
    """A fresh id."""
    return uuid.uuid4().hex


def record_of(kind: type[R], row: Base) -> R:
    """Copy a row into its record; their fields bear the same names."""
    return kind(**{field.name: getattr(row, field.name) for field in fields(kind)})
