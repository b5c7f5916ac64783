"""Memory that was freed goes back to the system."""

from __future__ import annotations

import sys

import psutil
import pytest
import torch

from core.memory import give_back


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc keeps what is freed")
def test_freed_memory_goes_back_to_the_system() -> None:
    # Blocks below glibc's threshold for pages of their own, held in place by the last one.
    blocks = [torch.ones(4096) for _ in range(6000)]
    last = blocks.pop()
    del blocks
    give_back()
    before = psutil.Process().memory_info().rss
    again = [torch.ones(4096) for _ in range(6000)]
    assert psutil.Process().memory_info().rss > before + 50 * 2**20
    del again
    give_back()
    assert psutil.Process().memory_info().rss < before + 25 * 2**20
    assert last.sum() == 4096
