"""Gives memory that is not used any more back to the system.

glibc keeps what torch frees between steps, hundreds of megabytes of it, so that drawing on top of a refinement would
need both at once. On other systems nothing happens.
"""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Trim the heap; takes some milliseconds."""
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
