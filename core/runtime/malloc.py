"""Returns unused memory to the operating system.

glibc keeps what torch frees between steps, hundreds of megabytes of it, so that drawing on top of a refinement would
need both at once. On other systems nothing happens.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path


def trim_heap() -> None:
    """Trim the heap; takes some milliseconds."""
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


MMAP_THRESHOLD, SMALL = -3, 256 * 2**10
"""glibc's option for the size from which memory comes from the system and goes back to it at once."""

PAGE_OUT = 21
"""`MADV_PAGEOUT` of Linux (5.4): the pages go, and come back from the file when somebody reads them.

Unlike `MADV_DONTNEED` it never loses what is in them: between our look at the list of mappings and the call another
thread may have put something else there.
"""


def keep_little() -> None:
    """Tell glibc, for the rest of the process, to keep no large piece of memory that was freed."""
    if sys.platform.startswith("linux"):
        option = getattr(ctypes.CDLL(None), "mallopt", None)
        if option is not None:
            option(MMAP_THRESHOLD, SMALL)


def page_out(folder: Path) -> int:
    """Let go of the pages of files in a folder that are mapped into this process; returns how many bytes are mapped.

    What was read once, to be copied in another order, would otherwise count as ours for good. Only mappings that cannot
    be written, and of which no page differs from the file, are touched: nothing can be lost.
    """
    if not sys.platform.startswith("linux"):
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    mapped = 0
    for start, end in _clean_mappings(Path("/proc/self/smaps").read_text(), f"{folder}/"):
        libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), PAGE_OUT)
        mapped += end - start
    return mapped


def _clean_mappings(smaps: str, prefix: str) -> Iterator[tuple[int, int]]:
    """First byte and end of the mappings of files whose path begins so, as the kernel tells of them."""
    place: tuple[int, int] | None = None
    for line in smaps.splitlines():
        first, *rest = line.split(maxsplit=5)
        if not first.endswith(":"):
            wanted = len(rest) == 5 and rest[4].startswith(prefix) and "w" not in rest[0]
            start, end = (int(number, 16) for number in first.split("-"))
            place = (start, end) if wanted else None
        elif first == "Anonymous:" and place is not None and rest[0] == "0":
            yield place
