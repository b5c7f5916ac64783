"""What it costs to open photos in a separate process: both ways in turn, on the same files, warm.

python -m benchmarks.speed.photo_sandbox
"""

from __future__ import annotations

import io
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from PIL import Image

from core.photo.decode import Photo, open_photo
from core.photo.sandbox_client import PhotoProcesses

DRAWN = Path(__file__).parents[2] / "tests" / "data" / "drawn_woman.jpg"
SIZES = ((1280, 1280, "what Telegram sends"), (2048, 1536, "3 megapixels"), (4000, 3000, "12 megapixels, a phone's"))
TURNS = 31


def photo_of(width: int, height: int) -> bytes:
    file = io.BytesIO()
    with Image.open(DRAWN) as drawn:
        drawn.convert("RGB").resize((width, height)).save(file, "JPEG", quality=90)
    return file.getvalue()


def milliseconds(open_one: Callable[[bytes], Photo], data: bytes) -> float:
    started = time.perf_counter()
    open_one(data)
    return (time.perf_counter() - started) * 1000


def cpu_milliseconds(open_one: Callable[[bytes], Photo], data: bytes) -> float:
    """Of this process and its helper together, a photo. The kernel counts a helper's in hundredths of a second."""
    (helper,) = psutil.Process().children()

    def spent() -> float:
        return time.process_time() + sum(helper.cpu_times()[:2])

    before = spent()
    for _ in range(TURNS):
        open_one(data)
    return (spent() - before) * 1000 / TURNS


def main() -> None:
    started = time.perf_counter()
    processes = PhotoProcesses()
    fences = processes.fences()
    print(f"a helper starts in {time.perf_counter() - started:.2f} s; fences: {', '.join(fences)}")
    print(f"load {os.getloadavg()[0]:.1f}; by the clock medians of {TURNS} turns, of the processor means, in ms\n")
    print("| JPEG | clock: here | in a process | more | processor: here | in a process | more |")
    print("|---|---|---|---|---|---|---|")
    for width, height, name in SIZES:
        data = photo_of(width, height)
        processes.open(data)
        turns = [(milliseconds(open_photo, data), milliseconds(processes.open, data)) for _ in range(TURNS)]
        here, there = (statistics.median(column) for column in zip(*turns, strict=True))
        more = statistics.median(b - a for a, b in turns)
        cpu, cpu_there = cpu_milliseconds(open_photo, data), cpu_milliseconds(processes.open, data)
        print(f"| {width}×{height}, {name} | {here:.0f} | {there:.0f} | {more:.1f}", end="")
        print(f" | {cpu:.0f} | {cpu_there:.0f} | {cpu_there - cpu:.1f} |")
    processes.close()


if __name__ == "__main__":
    main()
