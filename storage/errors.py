"""Every error of storage, as one small tree.

    StorageError
    ├── NotFound                no row with this id: never existed, or its owner deleted it
    ├── PhotoGone               the row is there as the handle of a parent, its picture is not any more
    ├── BlobMissing             a row names bytes that are not on the disk
    ├── BlobDamaged             the bytes are there but were cut or altered
    ├── WrongKey                bytes that none of our keys opens, or a key file that holds no key
    ├── KeyLost                 no key file, but something that was encrypted with its key
    ├── KeyExposed              a key file that other users of the machine may read
    ├── RotationRunning         another process is changing the key
    ├── ConversationChanged     somebody else saved this conversation first: load it again
    ├── UnsupportedDatabase     a database address that we do not serve
    ├── DatabaseDamaged         an SQLite file that is no database, or not any more
    └── StorageUnavailable      database or disk away, locked or full; the one fault worth a retry
        ├── FolderUnusable      the same, with the folder that is full, read-only or somebody else's
        └── KeyUnreadable       a running process cannot read the key file any more and has to end

An error carries facts, not a sentence; `code` is the class name in snake_case. Facts never hold anything personal.
`StorageUnavailable` is also an `OSError`, so that "retry on OSError" covers disk and database alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar


class StorageError(Exception):
    """Root of the tree. Keyword arguments become facts."""

    code: ClassVar[str] = "storage_error"

    def __init_subclass__(cls) -> None:
        """Derive the code from the class name, so that the two cannot drift apart."""
        super().__init_subclass__()
        cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def __init__(self, **facts: Any) -> None:
        super().__init__(self.code, facts)
        self._facts = facts

    def facts(self) -> dict[str, Any]:
        """The facts as JSON-able values."""
        return dict(self._facts)

    def __str__(self) -> str:
        told = ", ".join(f"{name}={value}" for name, value in self._facts.items())
        return f"{self.code}: {told}" if told else self.code


class NotFound(StorageError):
    """No row with this id."""

    def __init__(self, *, what: str, id: str) -> None:
        super().__init__(what=what, id=id)


class PhotoGone(StorageError):
    """The picture of this photo was deleted, as promised; ask for it again."""

    def __init__(self, *, photo_id: str) -> None:
        super().__init__(photo_id=photo_id)


class BlobMissing(StorageError):
    """No bytes under this key."""

    def __init__(self, *, key: str) -> None:
        super().__init__(key=key)


class BlobDamaged(StorageError):
    """Truncated, altered, or moved from another key."""

    def __init__(self, *, key: str) -> None:
        super().__init__(key=key)


class WrongKey(StorageError):
    """None of our encryption keys fits, or a key file does not hold a key."""


class KeyLost(StorageError):
    """A fresh key would open nothing that is there, so none is made."""

    def __init__(self, *, path: str) -> None:
        super().__init__(path=path)


class KeyExposed(StorageError):
    """Others than the owner of the key file may read it, or others than the owner may write it."""

    def __init__(self, *, path: str, mode: int) -> None:
        super().__init__(path=path, mode=f"{mode:03o}")


class RotationRunning(StorageError):
    """Another process is rotating the key; wait for it."""


class ConversationChanged(StorageError):
    """The version that was read is outdated."""

    def __init__(self, *, version: int) -> None:
        super().__init__(version=version)


class UnsupportedDatabase(StorageError):
    """Neither an SQLite file nor PostgreSQL."""

    def __init__(self, *, found: str) -> None:
        super().__init__(found=found)


class DatabaseDamaged(StorageError):
    """The file of the database holds something else, or was damaged."""

    def __init__(self, *, path: str) -> None:
        super().__init__(path=path)


class StorageUnavailable(StorageError, OSError):
    """Database or disk is unavailable; the cause is attached."""

    def __init__(self, *, what: str, deadlock: bool = False, database: bool = False) -> None:
        super().__init__(what=what)
        self.deadlock = deadlock
        self.database = database
        """Whether it is the database that did not answer."""


class FolderUnusable(StorageUnavailable):
    """A folder or file that we need is full, read-only, missing or somebody else's."""

    def __init__(self, *, what: str, path: str, database: bool = False) -> None:
        super().__init__(what=f"{what} in {path}", database=database)
        self.path = path


class KeyUnreadable(StorageUnavailable):
    """The key file went, or belongs to somebody else now. Nobody could read what would be written under the old key.

    Until the process has ended, whoever wanted something is served as if the disk were away: later, by the next one.
    """

    def __init__(self, *, path: str) -> None:
        super().__init__(what=f"read the key file {path}")
        self.path = path


@contextmanager
def disk_faults(what: str, path: Path) -> Iterator[None]:
    """Turn the disk's own errors into ours, with the folder they are about, and keep the cause."""
    try:
        yield
    except StorageUnavailable:
        raise
    except OSError as error:
        raise FolderUnusable(what=what, path=str(path)) from error
