"""Images and latents as encrypted files. The database knows a blob only by its key.

Encryption is in `sealing.py`. A blob is bound to its own key and to a context: what it is, whose, and of which job. So
neither a file that was swapped for another one opens, nor one whose key was written into somebody else's row.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import stat
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from storage.encryption.sealing import Ring, is_unbound
from storage.errors import BlobMissing, disk_faults

_BLOB_KEY = re.compile(r"[0-9a-f]{32}")


class BlobStore(Protocol):
    """Keeps bytes under keys that it chooses itself; a key says nothing about the content."""

    def put(self, data: bytes, context: str) -> str:
        """Store, bound to `context`, and return the key.

        Raises `StorageUnavailable` (disk full …) and then leaves nothing behind.
        """
        ...

    def get(self, key: str, context: str) -> bytes:
        """The bytes that were stored with the same context.

        Raises `BlobMissing`, `BlobDamaged`, `WrongKey`, `StorageUnavailable`.
        """
        ...

    def delete(self, key: str) -> bool:
        """Remove; True if there was something to remove."""
        ...

    def keys(self, *, written_before: datetime | None = None) -> Iterator[str]:
        """The keys of all stored blobs, or of those written before a moment."""
        ...

    def usage(self) -> tuple[int, int]:
        """How many files there are, and their bytes."""
        ...

    def delete_unfinished(self, *, written_before: datetime) -> int:
        """Remove what a crash in the middle of `put` left behind; returns how many."""
        ...

    def seal(self, name: str, data: bytes) -> bytes:
        """Encrypt a few bytes that are kept elsewhere, bound to `name`."""
        ...

    def unseal(self, name: str, sealed: bytes) -> bytes:
        """The reverse of `seal`. Raises `BlobDamaged`, `WrongKey`."""
        ...

    def is_newest(self, name: str, sealed: bytes) -> bool:
        """Whether `seal` would use the same key now. Raises `BlobDamaged`."""
        ...

    def derive_keys(self, purpose: str) -> tuple[bytes, ...]:
        """A key of 32 bytes for another purpose from each encryption key, newest first."""
        ...


class DiskBlobs:
    """Blobs as files of mode 600 in 256 folders of mode 700 below `folder`."""

    def __init__(self, folder: Path, keys: Sequence[bytes] | Callable[[], Sequence[bytes]]) -> None:
        """`keys` are 32 bytes each, newest first: the first encrypts, all of them decrypt.

        A callable (`KeyFile`) is asked before each blob, so that the key can be changed while this runs.
        """
        self._folder = folder
        self._keys = keys if callable(keys) else lambda: keys
        self._ring = Ring(self._keys())

    def put(self, data: bytes, context: str) -> str:
        """Store, bound to `context`, and return the key."""
        key = uuid.uuid4().hex
        ring = self._current()
        self._write(key, ring.seal_blob(key, context, data))
        while (newer := self._current()) is not ring:
            # The key was changed while we wrote, and the change may be through with its looking.
            ring = newer
            self._write(key, ring.seal_blob(key, context, data))
        return key

    def get(self, key: str, context: str) -> bytes:
        """The bytes, decrypted and proven unaltered."""
        sealed = self._read(key)
        if not self._current().knows(sealed, key):
            # Read just before it was encrypted again, under a key that is gone now.
            sealed = self._read(key)
        return self._current().open_blob(key, context, sealed)

    def delete(self, key: str) -> bool:
        """Remove; True if there was something to remove."""
        path = self._path(key)
        with disk_faults("delete a blob", self._folder):
            try:
                with _locked(path.parent):
                    path.unlink()
            except FileNotFoundError:
                return False
        return True

    def keys(self, *, written_before: datetime | None = None) -> Iterator[str]:
        """The keys of all stored blobs, or of those written before a moment."""
        for path in self._files():
            if _BLOB_KEY.fullmatch(path.name) and _is_older(path, written_before):
                yield path.name

    def delete_unfinished(self, *, written_before: datetime) -> int:
        """Remove drafts that a crash in the middle of `put` left behind."""
        drafts = [path for path in self._files() if path.name.startswith(".") and _is_older(path, written_before)]
        for path in drafts:
            path.unlink(missing_ok=True)
        return len(drafts)

    def usage(self) -> tuple[int, int]:
        """The number of files and their total size; files deleted while counting are skipped."""
        count = size = 0
        for path in self._files():
            with suppress(FileNotFoundError):
                size += path.stat().st_size
                count += 1
        return count, size

    def seal(self, name: str, data: bytes) -> bytes:
        """Encrypt a few bytes that are kept elsewhere, bound to `name`."""
        return self._current().seal(name, data)

    def unseal(self, name: str, sealed: bytes) -> bytes:
        """The reverse of `seal`."""
        return self._current().open(name, sealed)

    def is_newest(self, name: str, sealed: bytes) -> bool:
        """Whether `seal` would use the same key now."""
        return self._current().is_newest(sealed, name)

    def reencrypt(self, key: str) -> bool:
        """Bring one blob under the newest key, in place, with its date, owner and mode; False if it is already there.

        Raises `BlobMissing`, `BlobDamaged`, `WrongKey`, `StorageUnavailable`.
        """
        ring = self._current()
        if ring.is_newest(self._read(key), key):
            return False
        self._rewrite(key, lambda sealed: ring.renew_blob(key, sealed))
        return True

    def bind(self, key: str, context: str) -> bool:
        """Bind a blob that was written before blobs were bound; False if it is already. Raises like `reencrypt`."""
        ring = self._current()
        if not is_unbound(self._read(key)):
            return False
        self._rewrite(key, lambda sealed: ring.seal_blob(key, context, ring.open_blob(key, context, sealed)))
        return True

    def _rewrite(self, key: str, change: Callable[[bytes], bytes]) -> None:
        path = self._path(key)
        with disk_faults("encrypt a blob again", self._folder):
            try:
                # A blob that is deleted in this moment must not come back by being written again.
                with _locked(path.parent):
                    before = path.stat()
                    self._write(key, change(self._read(key)), like=before)
                    os.utime(path, ns=(before.st_mtime_ns, before.st_mtime_ns))
            except FileNotFoundError as error:
                raise BlobMissing(key=key) from error

    def derive_keys(self, purpose: str) -> tuple[bytes, ...]:
        """Keys that say nothing about the encryption keys (HKDF, RFC 5869)."""
        return self._current().derive(purpose)

    def _current(self) -> Ring:
        keys = tuple(self._keys())
        if keys != self._ring.keys:
            self._ring = Ring(keys)
        return self._ring

    def _read(self, key: str) -> bytes:
        with disk_faults("read a blob", self._folder):
            try:
                return self._path(key).read_bytes()
            except FileNotFoundError as error:
                raise BlobMissing(key=key) from error

    def _write(self, key: str, sealed: bytes, like: os.stat_result | None = None) -> None:
        """All or nothing, even when the power fails: draft, fsync, rename, fsync of the folder.

        `like`: whose owner and mode the file gets; whoever runs this may be another user than the service's.
        """
        path = self._path(key)
        draft = path.with_name(f".{key}.{secrets.token_hex(4)}")
        with disk_faults("write a blob", self._folder):
            self._make_shard(path.parent)
            try:
                with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    if like is not None:
                        own_like(file.fileno(), like)
                    file.write(sealed)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(draft, path)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
            _fsync_folder(path.parent)

    def _make_shard(self, shard: Path) -> None:
        if not shard.exists():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            shard.mkdir(mode=0o700, exist_ok=True)
            _fsync_folder(self._folder)

    def _path(self, key: str) -> Path:
        # Keys come from rows, but a row could be tampered with: never let one climb out of the folder.
        if not _BLOB_KEY.fullmatch(key):
            raise BlobMissing(key=key)
        return self._folder / key[:2] / key

    def _files(self) -> Iterator[Path]:
        return (path for shard in self._folder.glob("[0-9a-f][0-9a-f]") for path in shard.iterdir())


def own_like(handle: int, other: os.stat_result) -> None:
    """Give an open file the owner, group and mode of another one. Raises PermissionError where only root may."""
    mine = os.fstat(handle)
    if (mine.st_uid, mine.st_gid) != (other.st_uid, other.st_gid):
        os.fchown(handle, other.st_uid, other.st_gid)
    os.fchmod(handle, stat.S_IMODE(other.st_mode))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Alone with a folder, among threads and processes. Raises FileNotFoundError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _is_older(path: Path, moment: datetime | None) -> bool:
    if moment is None:
        return True
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC) < moment
    except FileNotFoundError:
        return False  # deleted by somebody else while we were looking


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
