"""Everything that storage can raise, as one small tree.

    StorageError
    ├── NotFound                no row with this id: never existed, or its owner deleted it
    ├── PhotoGone               the row is there as the handle of a parent, its picture is not any more
    ├── BlobMissing             a row names bytes that are not on the disk
    ├── BlobDamaged             the bytes are there but were cut or altered
    ├── WrongKey                bytes that none of our keys opens, or a key file that holds no key
    ├── RotationRunning         another process is changing the key
    ├── ConversationChanged     somebody else saved this conversation first: load it again
    ├── UnsupportedDatabase     a database address that we do not serve
    └── StorageUnavailable      database or disk away, locked or full; the one fault worth a retry

An error carries facts, not a sentence; `code` is the class name in snake_case. Facts never hold anything personal.
`StorageUnavailable` is also an `OSError`, so that "retry on OSError" covers disk and database alike.
"""

from __future__ import annotations

import re
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
    """Cut short, altered, or moved here from another key."""

    def __init__(self, *, key: str) -> None:
        super().__init__(key=key)


class WrongKey(StorageError):
    """None of our encryption keys fits, or a key file does not hold a key."""


class RotationRunning(StorageError):
    """Another process is changing the key; let it end."""


class ConversationChanged(StorageError):
    """The version that was read is no longer the newest one."""

    def __init__(self, *, version: int) -> None:
        super().__init__(version=version)


class UnsupportedDatabase(StorageError):
    """Neither an SQLite file nor PostgreSQL."""

    def __init__(self, *, found: str) -> None:
        super().__init__(found=found)


class StorageUnavailable(StorageError, OSError):
    """Database or disk cannot serve just now; the cause is attached."""

    def __init__(self, *, what: str, deadlock: bool = False, database: bool = False) -> None:
        super().__init__(what=what)
        self.deadlock = deadlock
        self.database = database
        """Whether it is the database that did not answer."""
