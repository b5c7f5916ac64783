"""A helper whose decoder does harm when a file asks for it: what a decoder could do that was taken over.

Every word it is given names an attack. What comes of it is told as a refusal: {"stopped": "EPERM"}, or "done".
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))

from core.domain.errors import DamagedPhoto
from core.photo.decode import Photo, open_photo
from core.photo.sandbox_worker import serve

LIBC = ctypes.CDLL(None, use_errno=True)
SHARED = int(sys.argv[-1])
OPEN = {name for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")}
"""File descriptors at the start; the folder's own is closed again."""

ANSWERS = os.dup(1)
"""What `serve` will get, too, when it asks for the next free number."""
os.close(ANSWERS)


def crash() -> None:
    ctypes.string_at(0)


def hang() -> None:
    time.sleep(1000)


def spin() -> None:
    while True:
        pass


def hoard() -> None:
    hoarded = [bytearray(2**24) for _ in range(1000)]
    assert hoarded


def read_file() -> None:
    Path("/etc/passwd").read_text()


def write_file() -> None:
    Path("/tmp/childface-was-here").write_text("x")


def connect() -> None:
    socket.socket(socket.AF_INET)


def run_program() -> None:
    subprocess.run(["/bin/true"], check=True)


def fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def kill_parent() -> None:
    os.kill(os.getppid(), 0)


def look_at_parent() -> None:
    os.listdir(f"/proc/{os.getppid()}")


def make_code() -> None:
    """A page that can be written and run."""
    import mmap

    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)


def shrink_shared() -> None:
    os.ftruncate(SHARED, 0)


def raise_limits() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))


def tell_nonsense() -> None:
    os.write(ANSWERS, b"\x10\0\0\0" + b"{" * 16)


def _tell(words: bytes) -> None:
    os.write(ANSWERS, len(words).to_bytes(4, "little") + words)


def tell_nested_lists() -> None:
    _tell(b"[" * 2048 + b"]" * 2048)


def tell_nested_objects() -> None:
    _tell(b'{"shape":' * 450 + b"1" + b"}" * 450)


def tell_nested_facts() -> None:
    _tell(b'{"error": "damaged_photo", "facts": {"a": ' + b"[" * 900 + b"]" * 900 + b"}}")


def tell_no_facts() -> None:
    _tell(b'{"error": "damaged_photo", "facts": []}')


def tell_infinity() -> None:
    _tell(b'{"error": "photo_too_large", "facts": {"what": "bytes", "size": Infinity, "limit": 1}}')


def most_tasks() -> None:
    import resource

    raise DamagedPhoto(stopped=str(resource.getrlimit(resource.RLIMIT_NPROC)))


def tell_too_much() -> None:
    os.write(ANSWERS, b"\xff\xff\xff\xff")


def tell_a_story() -> None:
    raise DamagedPhoto(reason="x" * 1000)


def tell_another_error() -> None:
    raise DamagedPhoto(colour="red")


def claim_pixels() -> None:
    words = json.dumps({"format": "jpeg", "shape": [100_000, 100_000, 3], "shrunk": 1, "lacks": ""}).encode()
    os.write(ANSWERS, len(words).to_bytes(4, "little") + words)


def environment() -> None:
    raise DamagedPhoto(stopped=",".join(sorted(os.environ))[:40])


def descriptors() -> None:
    raise DamagedPhoto(stopped=" ".join(sorted({*OPEN} - {"0", "1", "2", str(SHARED)})))


def decode(data: bytes, **limits: Any) -> Photo:
    word = data.decode("latin-1")
    if word not in globals():
        return open_photo(data, **limits)
    try:
        globals()[word]()
    except OSError as error:
        raise DamagedPhoto(stopped=errno.errorcode.get(error.errno or 0, "?")) from error
    except (MemoryError, ValueError) as error:
        raise DamagedPhoto(stopped=type(error).__name__) from error
    raise DamagedPhoto(stopped="done")


if __name__ == "__main__":
    serve(SHARED, decode)
