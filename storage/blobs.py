"""Picture bytes and latents as encrypted files. The database knows a blob only by its key.

A file is `CFB1` · id of the encryption key (8 bytes) · nonce (12) · AES-256-GCM ciphertext with its tag. The blob's
own key is bound in as associated data, so a file that was swapped for another one does not open.
Format after NIST SP 800-38D: a random 96-bit nonce per message is good for 2**32 messages under one key.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from storage.errors import BlobDamaged, BlobMissing, StorageUnavailable, WrongKey

MAGIC = b"CFB1"
_NONCE = 12
_KEY_ID = 8
_HEADER = len(MAGIC) + _KEY_ID + _NONCE
_BLOB_KEY = re.compile(r"[0-9a-f]{32}")


class BlobStore(Protocol):
    """Keeps bytes under keys that it chooses itself; a key says nothing about the content."""

    def put(self, data: bytes) -> str:
        """Store, and return the key. Raises `StorageUnavailable` (disk full …) and then leaves nothing behind."""
        ...

    def get(self, key: str) -> bytes:
        """The bytes. Raises `BlobMissing`, `BlobDamaged`, `WrongKey`, `StorageUnavailable`."""
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

    def put(self, data: bytes) -> str:
        """Store, and return the key."""
        key = uuid.uuid4().hex
        ring = self._current()
        self._write(key, ring.seal(key, data))
        while (newer := self._current()) is not ring:
            # The key was changed while we wrote, and the change may be through with its looking.
            ring = newer
            self._write(key, ring.seal(key, data))
        return key

    def get(self, key: str) -> bytes:
        """The bytes, decrypted and proven unaltered."""
        sealed = self._read(key)
        if not self._current().knows(sealed, key):
            # Read just before it was encrypted again, under a key that is gone now.
            sealed = self._read(key)
        return self._current().open(key, sealed)

    def delete(self, key: str) -> bool:
        """Remove; True if there was something to remove."""
        path = self._path(key)
        with _passing_faults("delete a blob"):
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
        """How many files there are, and their bytes; what is deleted meanwhile does not count."""
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

    def reencrypt(self, key: str) -> bool:
        """Bring one blob under the newest key, in place and with its date; False if it is already there."""
        ring = self._current()
        if _key_id_of(self._read(key), key) == ring.newest:
            return False
        path = self._path(key)
        with _passing_faults("encrypt a blob again"):
            try:
                # A blob that is deleted in this moment must not come back by being written again.
                with _locked(path.parent):
                    written = path.stat().st_mtime_ns
                    self._write(key, ring.seal(key, ring.open(key, self._read(key))))
                    os.utime(path, ns=(written, written))
            except FileNotFoundError as error:
                raise BlobMissing(key=key) from error
        return True

    def derive_keys(self, purpose: str) -> tuple[bytes, ...]:
        """Keys that say nothing about the encryption keys (HKDF, RFC 5869)."""
        return self._current().derive(purpose)

    def _current(self) -> Ring:
        keys = tuple(self._keys())
        if keys != self._ring.keys:
            self._ring = Ring(keys)
        return self._ring

    def _read(self, key: str) -> bytes:
        with _passing_faults("read a blob"):
            try:
                return self._path(key).read_bytes()
            except FileNotFoundError as error:
                raise BlobMissing(key=key) from error

    def _write(self, key: str, sealed: bytes) -> None:
        """All or nothing, even when the power fails: draft, fsync, rename, fsync of the folder."""
        path = self._path(key)
        draft = path.with_name(f".{key}.{secrets.token_hex(4)}")
        with _passing_faults("write a blob"):
            self._make_shard(path.parent)
            try:
                with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
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


class Ring:
    """Some keys at some moment: the first encrypts, all of them decrypt."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise WrongKey(expected="at least one key")
        self.keys = tuple(keys)
        self.newest = _key_id(keys[0])
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._derived: dict[str, tuple[bytes, ...]] = {}

    def derive(self, purpose: str) -> tuple[bytes, ...]:
        """One key for each of ours; they are asked for with every button, so they are kept."""
        if purpose not in self._derived:
            self._derived[purpose] = tuple(_derived(key, purpose) for key in self.keys)
        return self._derived[purpose]

    def knows(self, sealed: bytes, key: str) -> bool:
        """Whether one of the keys encrypted this."""
        return _key_id_of(sealed, key) in self._ciphers

    def seal(self, key: str, data: bytes) -> bytes:
        """The content of a file."""
        nonce = secrets.token_bytes(_NONCE)
        return MAGIC + self.newest + nonce + self._ciphers[self.newest].encrypt(nonce, data, key.encode())

    def open(self, key: str, sealed: bytes) -> bytes:
        """The reverse of `seal`. Raises `WrongKey`, `BlobDamaged`."""
        cipher = self._ciphers.get(_key_id_of(sealed, key))
        if cipher is None:
            raise WrongKey(key=key)
        nonce = sealed[_HEADER - _NONCE : _HEADER]
        try:
            return cipher.decrypt(nonce, sealed[_HEADER:], key.encode())
        except InvalidTag as error:
            raise BlobDamaged(key=key) from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Alone with a folder, among threads and processes. Raises FileNotFoundError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _derived(key: bytes, purpose: str) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt=None, info=f"childface {purpose}".encode()).derive(key)


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"childface blob key id" + key).digest()[:_KEY_ID]


def _key_id_of(sealed: bytes, key: str) -> bytes:
    if len(sealed) < _HEADER or not sealed.startswith(MAGIC):
        raise BlobDamaged(key=key)
    return sealed[len(MAGIC) : len(MAGIC) + _KEY_ID]


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


@contextmanager
def _passing_faults(what: str) -> Iterator[None]:
    """Turn the disk's own errors into ours, and keep the cause."""
    try:
        yield
    except StorageUnavailable:
        raise
    except OSError as error:
        raise StorageUnavailable(what=what) from error
