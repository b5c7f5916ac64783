"""Decodes photos in separate processes, so that a compromised decoder can do no harm.

    PhotoProcesses.open ──file──▶ core.photo.sandbox_worker (core.photo.sandbox) ──pixels, or a refusal──▶ Photo, or
    PhotoError

Question and answer go through pipes, file and pixels through a piece of memory that both processes see: on a busy
machine every pipe full of bytes would wait for its turn. A helper starts with an empty environment and no file or
socket of ours, keeps nothing between two photos, and is used again, since starting one takes a few tenths of a second.
One that says nothing in time is killed; one that dies is replaced, and the photo tried once more, as it may have been
somebody else's doing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.domain.errors import DamagedPhoto, EmptyPhoto, NotAPicture, PhotoError, PhotoTooLarge, UnsupportedPicture
from core.photo.decode import FORMATS, LACKS, MAX_BYTES, MAX_PIXELS, MAX_SIDE, Photo

HELPER = (
    "import sys; sys.path.insert(0, sys.argv[1]); from core.photo.sandbox_worker import serve; serve(int(sys.argv[2]))"
)
PROGRAM = (sys.executable, "-I", "-c", HELPER, str(Path(__file__).parents[2]))
"""-I: neither the environment nor the folder where somebody stands decides what is imported."""

ENVIRONMENT = {"LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
"""Ours holds tokens and passwords. More threads and arenas would only take address space."""

SECONDS = 30.0
"""For one photo, by the clock. Sixty megapixels take four on an idle machine."""

STARTING_SECONDS = 60.0
PHOTOS_A_HELPER = 200
"""Then a fresh one: whatever a photo may have changed in a helper does not stay for ever."""

QUESTION = struct.Struct("<QQQ")
ANSWER = struct.Struct("<I")
"""See `core.photo.sandbox_worker`."""

MAX_WORDS = 4096
SHARED_BYTES = max(MAX_BYTES, 3 * MAX_SIDE**2)
"""For a file, and then for its pixels."""

REFUSALS: dict[str, type[PhotoError]] = {
    kind.code: kind for kind in (EmptyPhoto, NotAPicture, UnsupportedPicture, DamagedPhoto, PhotoTooLarge)
}


class PhotoProcesses:
    """`open` as `core.photo.decode.open_photo`, elsewhere. Threads may share it; `close` it, or let it be collected."""

    def __init__(
        self,
        most: int = 2,
        *,
        seconds: float = SECONDS,
        program: Sequence[str] = PROGRAM,
        require_filter: bool = False,
    ) -> None:
        """At most `most` helpers, started when they are needed.

        `require_filter`: `open` raises NoFilter where helpers run without their seccomp filter.
        """
        self._most, self._seconds, self._program = most, seconds, tuple(program)
        self._require_filter = require_filter
        self._begin()

    def _begin(self) -> None:
        """In this process; helpers of the process that we were forked from are not ours to talk to."""
        self._pid = os.getpid()
        self._places = threading.BoundedSemaphore(self._most)
        self._idle: list[_Helper] = []
        self._end = weakref.finalize(self, _stop_all, self._pid, self._idle)

    def start(self) -> None:
        """Have a helper get ready while the caller does other things. Raises OSError where none can be started."""
        with self._borrowed():
            pass

    def open(self, data: bytes, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> Photo:
        """As `open_photo`, but decoders' own errors do not come along as causes.

        DamagedPhoto, too, for a file on which a helper crashed twice or that it did not open in time; `stopped` then
        says "crash" or "time". Raises OSError where no helper can be started, NoFilter where one may not be used.
        """
        if not data:
            raise EmptyPhoto()
        if len(data) > (limit := min(max_bytes, MAX_BYTES)):
            raise PhotoTooLarge(what="bytes", size=len(data), limit=limit)
        try:
            answer = self._ask(data, max_bytes, max_pixels)
        except _Gone:
            try:
                answer = self._ask(data, max_bytes, max_pixels)
            except _Gone as error:
                raise DamagedPhoto(stopped="crash") from error
        if isinstance(answer, PhotoError):
            raise answer
        return answer

    def fences(self) -> list[str]:
        """What confines a helper on this machine (see `core.photo.sandbox`). Raises OSError."""
        with self._borrowed() as helper:
            return helper.fences(time.monotonic() + STARTING_SECONDS)

    def close(self) -> None:
        """End the helpers that wait for work."""
        self._end()

    def _ask(self, data: bytes, max_bytes: int, max_pixels: int) -> Photo | PhotoError:
        with self._borrowed() as helper:
            if self._require_filter:
                require_filter(helper.fences(time.monotonic() + STARTING_SECONDS))
            try:
                return helper.ask(data, max_bytes, max_pixels, self._seconds)
            except TimeoutError as error:
                helper.stop()
                raise DamagedPhoto(stopped="time") from error
            except _Gone:
                if helper.stop() == -signal.SIGXCPU:
                    raise DamagedPhoto(stopped="time") from None
                raise

    @contextlib.contextmanager
    def _borrowed(self) -> Iterator[_Helper]:
        """A helper that nobody else has, for a while. One that something went wrong with does not come back."""
        if self._pid != os.getpid():
            self._begin()
        with self._places:
            try:
                helper = self._idle.pop()
            except IndexError:
                helper = _Helper(self._program)
            try:
                yield helper
            except BaseException:  # a task's time limit, too: the answer would be taken for that to the next photo
                helper.stop()
                raise
            if helper.photos < PHOTOS_A_HELPER:
                self._idle.append(helper)
            else:
                helper.stop()


def _stop_all(pid: int, helpers: list[_Helper]) -> None:
    """In the process that started them; a forked one goes away without a word."""
    while helpers and pid == os.getpid():
        helpers.pop().stop()


class NoFilter(OSError):
    """A helper has no seccomp filter, and one is required."""


def require_filter(fences: Sequence[str]) -> None:
    """Raises NoFilter unless the seccomp filter is among the fences that a helper named."""
    if "seccomp" not in fences:
        raise NoFilter("photos are not opened here: the confined process has no seccomp filter, and one is required")


class _Gone(Exception):
    """The helper has ended, or talks nonsense."""


class _Helper:
    """One process, and how to talk with it."""

    def __init__(self, program: Sequence[str]) -> None:
        shared = _shared_memory()
        try:
            self._shared = mmap.mmap(shared, SHARED_BYTES)
            self._process = subprocess.Popen(  # nosec B603 # our own program; no shell
                [*program, str(shared)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env=ENVIRONMENT,
                pass_fds=[shared],
                start_new_session=True,  # Ctrl-C is for us
            )
        finally:
            os.close(shared)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._questions, self._answers = self._process.stdin.fileno(), self._process.stdout.fileno()
        for pipe in (self._questions, self._answers):
            os.set_blocking(pipe, False)
        self._fences: list[str] | None = None
        self.photos = 0

    def fences(self, end: float) -> list[str]:
        """What it said first of all. Raises OSError if it never got that far."""
        if self._fences is None:
            try:
                told = self._hear(end)
            except (_Gone, TimeoutError) as error:
                raise OSError("a process for opening photos could not be started") from error
            self._fences = [str(fence) for fence in told["fences"]]
        return self._fences

    def ask(self, data: bytes, max_bytes: int, max_pixels: int, seconds: float) -> Photo | PhotoError:
        """Its answer. Raises TimeoutError, _Gone."""
        self.fences(time.monotonic() + STARTING_SECONDS)
        self.photos += 1
        end = time.monotonic() + seconds
        self._shared[: len(data)] = data
        try:
            self._tell(QUESTION.pack(len(data), max_bytes, max_pixels), end)
            told = self._hear(end)
            if "error" in told:
                return REFUSALS[told["error"]](**_facts(told["facts"]))
            shape, format, shrunk, lacks = _checked(told, max_pixels)
            # A copy: who took the helper over could change what it shares with us at any moment.
            rgb = np.frombuffer(self._shared, np.uint8, shape[0] * shape[1] * 3).reshape(shape).copy()
        except (KeyError, TypeError, ValueError) as error:
            raise _Gone from error
        finally:
            self._wipe()
        rgb.flags.writeable = False
        return Photo(rgb, format, hashlib.sha256(data).hexdigest(), shrunk, lacks)

    def stop(self) -> int:
        """End it at once; its exit code, if it had ended by itself."""
        self._process.kill()
        code = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._shared.close()
        return code

    def _tell(self, question: bytes, end: float) -> None:
        left = memoryview(question)
        while left:
            _wait(self._questions, select.POLLOUT, end)
            try:
                left = left[os.write(self._questions, left) :]
            except BrokenPipeError as error:
                raise _Gone from error

    def _hear(self, end: float) -> dict[str, Any]:
        head = bytearray(ANSWER.size)
        self._fill(memoryview(head), end)
        (words,) = ANSWER.unpack(head)
        if words > MAX_WORDS:
            raise _Gone
        text = bytearray(words)
        self._fill(memoryview(text), end)
        try:
            told = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise _Gone from error
        if not isinstance(told, dict):
            raise _Gone
        return told

    def _fill(self, left: memoryview, end: float) -> None:
        while left:
            _wait(self._answers, select.POLLIN, end)
            got = os.readv(self._answers, [left])
            if not got:
                raise _Gone
            left = left[got:]

    def _wipe(self) -> None:
        """Leave nothing of anybody's photo, and give the memory back."""
        if sys.platform == "linux":
            self._shared.madvise(mmap.MADV_REMOVE)
        else:
            self._shared[:] = bytes(SHARED_BYTES)


def _wait(pipe: int, event: int, end: float) -> None:
    poll = select.poll()
    poll.register(pipe, event)
    if not poll.poll(max(0.0, end - time.monotonic()) * 1000):
        raise TimeoutError


def _shared_memory() -> int:
    """A file without a name of SHARED_BYTES, in memory where the system can; there nobody can change its size."""
    if sys.platform != "linux":
        with tempfile.TemporaryFile() as file:
            file.truncate(SHARED_BYTES)
            return os.dup(file.fileno())
    import fcntl

    shared = os.memfd_create("photo", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(shared, SHARED_BYTES)
    # Reading beyond an end that was moved would end our own process.
    fcntl.fcntl(shared, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    return shared


def _facts(told: Any) -> dict[str, Any]:
    """Finite numbers and short words; who took a helper over cannot make us say more."""
    if not isinstance(told, dict):
        raise ValueError("no facts")
    for fact in told.values():
        is_number = fact is None or (isinstance(fact, int | float) and abs(fact) < 2**64)
        if not is_number and not (isinstance(fact, str) and len(fact) <= 40):
            raise ValueError("no fact")
    return dict(told)


def _checked(told: dict[str, Any], max_pixels: int) -> tuple[tuple[int, int, int], str, int, str]:
    """Shape, format, shrinking and what is lacking as they can be, or ValueError."""
    height, width, colours = told["shape"]
    format, shrunk, lacks = told["format"], told["shrunk"], told["lacks"]
    if not all(isinstance(number, int) for number in (height, width, colours, shrunk)):
        raise ValueError("no numbers")
    if not (height > 0 and width > 0 and height * width <= min(max_pixels, SHARED_BYTES // 3) and colours == 3):
        raise ValueError("no picture")
    if format not in FORMATS or lacks not in LACKS or not 1 <= shrunk <= 8:
        raise ValueError("no photo")
    return (height, width, colours), format, shrunk, lacks
