"""Memory that was freed goes back to the system."""

from __future__ import annotations

import ctypes
import gc
import mmap
import os
import sys
from pathlib import Path

import psutil
import pytest
import torch

from core.runtime.malloc import page_out, trim_heap


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc keeps what is freed")
def test_freed_memory_goes_back_to_the_system() -> None:
    # Blocks below glibc's threshold for pages of their own, held in place by the last one.
    blocks = [torch.ones(4096) for _ in range(6000)]
    last = blocks.pop()
    del blocks
    trim_heap()
    before = psutil.Process().memory_info().rss
    again = [torch.ones(4096) for _ in range(6000)]
    assert psutil.Process().memory_info().rss > before + 50 * 2**20
    del again
    trim_heap()
    assert psutil.Process().memory_info().rss < before + 25 * 2**20
    assert last.sum() == 4096


def in_memory(path: Path) -> int:
    """Bytes of a file that are mapped into this process and count as its memory."""
    return sum(part.rss for part in psutil.Process().memory_maps(grouped=False) if part.path == str(path))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems map files in other ways")
def test_a_file_that_was_read_once_stops_counting_and_can_be_read_again(tmp_path: Path) -> None:
    size, weights = 64 * 2**20, tmp_path / "weights.bin"
    with weights.open("wb") as file:
        file.write(b"w" * size)
        file.flush()
        os.fsync(file.fileno())  # pages on their way to the disk stay until they have arrived
    with weights.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        assert mapped[::4096].count(b"w") == size // 4096
        assert in_memory(weights) == size
        assert page_out(tmp_path / "elsewhere") == 0
        assert page_out(tmp_path) == size
        assert in_memory(weights) < size // 2
        assert mapped[::4096].count(b"w") == size // 4096


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems map files in other ways")
def test_pages_that_differ_from_their_file_are_kept(tmp_path: Path) -> None:
    """The linker writes addresses into libraries and then forbids writing: those pages exist nowhere else."""
    path = tmp_path / "library.so"
    path.write_bytes(b"f" * 8192)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE) as mapped:
        mapped[0:4] = b"mine"
        address = ctypes.addressof(ctypes.c_char.from_buffer(mapped))
        assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(address), 8192, mmap.PROT_READ) == 0
        assert page_out(tmp_path) == 0
        assert ctypes.string_at(address, 4) == b"mine"
        gc.collect()
