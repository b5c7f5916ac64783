"""The encryption keys: a small text file that lives apart from the data, one base64 key a line, newest first.

The newest key encrypts; all of them decrypt. So a key is changed by adding one, encrypting every blob again
(`DiskBlobs.reencrypt`) and only then dropping the old ones: see rotation.py.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import secrets
from pathlib import Path
from typing import BinaryIO

from storage.errors import WrongKey

KEY_BYTES = 32
"""AES-256."""


def load_or_create_key(path: Path) -> bytes:
    """The newest key in the file; a missing file is made with a fresh key and mode 600.

    Safe when several processes start at once: exactly one file comes into being and all of them read it.
    Raises `WrongKey` when the file holds something else.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _publish(path, [secrets.token_bytes(KEY_BYTES)], replace=False)
    return load_keys(path)[0]


def load_keys(path: Path) -> list[bytes]:
    """All keys in the file, newest first. Raises `WrongKey` when there is none or a line is no key."""
    try:
        lines = path.read_text("ascii").split()
    except (FileNotFoundError, UnicodeDecodeError) as error:
        raise WrongKey(path=str(path)) from error
    keys = [decode_key(line) for line in lines]
    if not keys:
        raise WrongKey(path=str(path))
    return keys


class KeyFile:
    """The keys of a file as they are now: a change by another process is noticed at the next call."""

    def __init__(self, path: Path) -> None:
        """Raises `WrongKey` when there is no key in the file."""
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._keys: tuple[bytes, ...] = ()
        self()

    def __call__(self) -> tuple[bytes, ...]:
        """Newest first. A file that cannot be read any more leaves the keys that were read last."""
        try:
            status = self._path.stat()
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
            if seen != self._seen:
                self._keys, self._seen = tuple(load_keys(self._path)), seen
        except (OSError, WrongKey):
            # Also for an instant when the file was replaced, and the old one overwritten, while we opened it.
            if not self._keys:
                self._keys = tuple(load_keys(self._path))
        return self._keys


def add_key(path: Path) -> bytes:
    """Put a fresh key before the others; from the next start on it is the one that encrypts."""
    keys = [secrets.token_bytes(KEY_BYTES), *load_keys(path)]
    _publish(path, keys, replace=True)
    return keys[0]


def drop_old_keys(path: Path) -> int:
    """Forget all keys but the newest; returns how many. Blobs still under an old key become unreadable for ever."""
    keys = load_keys(path)
    _publish(path, keys[:1], replace=True)
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


def _publish(path: Path, keys: list[bytes], *, replace: bool) -> None:
    """Write the whole file aside, then put it in place in one step: no reader ever sees half a key."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(b"".join(base64.urlsafe_b64encode(key) + b"\n" for key in keys))
            file.flush()
            os.fsync(file.fileno())
        if replace:
            with path.open("r+b") as before:
                os.replace(draft, path)
                _overwrite(before)
        else:
            # link() refuses an existing name, which rename() would overwrite: the first process wins.
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _overwrite(file: BinaryIO) -> None:
    """Leave no key in the blocks of a file that has no name any more, as far as the disk lets us."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    file.write(b"\n" * size)
    file.flush()
    os.fsync(file.fileno())
