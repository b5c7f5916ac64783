"""The encryption keys: a small text file kept apart from the data, one base64 key per line.

The newest key encrypts; all of them decrypt. So a key is changed by adding one, encrypting everything again and only
then dropping the old ones: see rotation.py.

The file is only ever replaced as a whole. While that is done, what is to come (the draft) and what was (to be
overwritten) stand beside it under names that begin with `.` and the file's; a process that was killed leaves them to
the next start, which overwrites and removes them.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.blobs import own_like
from storage.errors import KeyExposed, KeyLost, KeyUnreadable, RotationRunning, StorageUnavailable, WrongKey

KEY_BYTES = 32
"""AES-256."""

FORBIDDEN = stat.S_IWGRP | stat.S_IRWXO
"""Of the key file's mode. A group may read it: containers hand secrets to their one user that way."""

PATIENCE = (0.0, 0.02, 0.1, 0.4)
"""Seconds between looks at a file that is just being replaced."""


def load_or_create_key(path: Path, in_use: Callable[[], bool] = lambda: False) -> bytes:
    """The newest key in the file; a missing file is made with a fresh key and mode 600.

    Safe when several processes start at once: exactly one file comes into being and all of them read it.

    `in_use` says whether something was encrypted before: then a missing file raises `KeyLost`, and none is made.
    Raises `WrongKey` when the file holds something else, `KeyExposed`, and `OSError` where it cannot be read or made.
    """
    remove_remains(path)
    if not path.exists():
        # Asked for once more at the end: another process may have made the key, and used it, in between.
        if in_use() and not path.exists():
            raise KeyLost(path=str(path))
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with alone_with_key(path, wait=True):
            if not path.exists():
                os.replace(_draft(path, [secrets.token_bytes(KEY_BYTES)]), path)
    return load_keys(path)[0]


def load_keys(path: Path) -> list[bytes]:
    """All keys in the file, newest first.

    Raises `WrongKey` when there is none or a line is no key, `KeyExposed` when other users may read the file.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            lines = file.read().decode("ascii").split()
    except (FileNotFoundError, UnicodeDecodeError) as error:
        raise WrongKey(path=str(path)) from error
    if mode & FORBIDDEN:
        raise KeyExposed(path=str(path), mode=mode)
    keys = [decode_key(line) for line in lines]
    if not keys:
        raise WrongKey(path=str(path))
    return keys


class KeyFile:
    """The keys of a file as they are now: a change by another process is noticed at the next call."""

    def __init__(self, path: Path, on_unreadable: Callable[[KeyUnreadable], object] = lambda fault: None) -> None:
        """`on_unreadable` is to end the process. Raises `WrongKey` when there is no key in the file, `KeyExposed`."""
        self._path = path
        self._on_unreadable = on_unreadable
        self._seen: tuple[int, int, int] | None = None
        self._keys = tuple(load_keys(path))

    def __call__(self) -> tuple[bytes, ...]:
        """Newest first.

        Raises `KeyUnreadable` when the file went or cannot be read any more: what would be written under the keys that
        were read last, nobody might ever read. `StorageUnavailable` when the disk does not answer.
        """
        fault: Exception | None = None
        for pause in PATIENCE:
            time.sleep(pause)
            try:
                return self._read()
            except (FileNotFoundError, PermissionError, WrongKey, KeyExposed) as error:
                # Also for an instant when the file was replaced, and the old one overwritten, while we opened it.
                fault = error
            except OSError as error:
                raise StorageUnavailable(what="read the key file") from error
        unreadable = KeyUnreadable(path=str(self._path))
        self._on_unreadable(unreadable)
        raise unreadable from fault

    def _read(self) -> tuple[bytes, ...]:
        status = self._path.stat()
        seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        if seen != self._seen:
            self._keys, self._seen = tuple(load_keys(self._path)), seen
        return self._keys


def add_key(path: Path) -> bytes:
    """Put a fresh key before the others; from the next look on it is the one that encrypts."""
    keys = [secrets.token_bytes(KEY_BYTES), *load_keys(path)]
    _replace(path, keys)
    return keys[0]


def drop_old_keys(path: Path) -> int:
    """Forget all keys but the newest; returns how many. What is still under an old key becomes unreadable for ever."""
    keys = load_keys(path)
    _replace(path, keys[:1])
    return len(keys) - 1


def decode_key(text: str) -> bytes:
    """One key from its text form, as a key file or a secret in the environment holds it."""
    try:
        key = base64.urlsafe_b64decode(text.strip())
    except (binascii.Error, ValueError) as error:
        raise WrongKey(expected="base64 of 32 bytes") from error
    if len(key) != KEY_BYTES:
        raise WrongKey(expected="base64 of 32 bytes")
    return key


@contextmanager
def alone_with_key(path: Path, *, wait: bool = False) -> Iterator[None]:
    """One process at a time may change the key file; a killed one lets go by itself.

    Raises `RotationRunning` when another one is at it, unless told to wait.
    """
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        if path.exists():
            own_like(lock.fileno(), path.stat())
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise RotationRunning() from error
        yield


def remove_remains(path: Path) -> None:
    """Overwrite and remove what a process that was killed while it changed the key left beside it.

    Not while another one changes it, and not where the folder is read-only: whoever may write there will.
    """
    if path.exists() and _remains(path):
        with contextlib.suppress(OSError, RotationRunning), alone_with_key(path):
            for remains in _remains(path):
                _destroy(remains, path)


def _remains(path: Path) -> list[Path]:
    beside = path.parent.glob(f".{path.name}.*")
    return [found for found in beside if len(found.suffix) == 17 and found.stem == f".{path.name}"]


def _draft(path: Path, keys: list[bytes]) -> Path:
    """The whole file under another name, with the owner and mode of the one that is there."""
    draft = _name_beside(path)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            if path.exists():
                own_like(file.fileno(), path.stat())
            file.write(b"".join(base64.urlsafe_b64encode(key) + b"\n" for key in keys))
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return draft


def _replace(path: Path, keys: list[bytes]) -> None:
    """Put another file in place in one step, so that no reader ever sees half a key, and overwrite the one before."""
    draft = _draft(path, keys)
    before = _name_beside(path)
    try:
        # A second name for the old file: without one, a kill after the next line would leave its key on the disk.
        os.link(path, before)
        os.replace(draft, path)
    finally:
        for remains in (draft, before):
            if remains.exists():
                _destroy(remains, path)


def _name_beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}")


def _destroy(remains: Path, key_file: Path) -> None:
    """Leave no key in the blocks of a file that goes, as far as the disk lets us."""
    if not remains.samefile(key_file):  # else it is but a second name of the file that stays
        with remains.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            file.write(b"\n" * size)
            file.flush()
            os.fsync(file.fileno())
    remains.unlink()
