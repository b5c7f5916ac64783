"""How long it takes to open a photo, find the face and cut it out; and how often a face is found.

    python -m benchmarks.speed.faces                      times, on photos made of a drawn portrait
    python -m benchmarks.speed.faces --data DIR           share of the photos in DIR in which one face is found
    python -m benchmarks.speed.faces --data DIR --first 9 of the first nine only

Needs the landmark file in --weights (default ~/.cache/childface). Reads pictures, writes nothing.
"""

from __future__ import annotations

import argparse
import io
import math
import statistics
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from core.domain.errors import FaceError, PhotoError, SeveralFaces
from core.face.detection import FaceFinder, align_face, ffhq_square
from core.photo.decode import open_photo

Pixels = npt.NDArray[np.uint8]

PORTRAIT = Path(__file__).parents[2] / "tests" / "data" / "drawn_woman.jpg"
MEGAPIXELS = (1, 3, 12, 48)
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".heic"}


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--weights", type=Path, default=Path.home() / ".cache" / "childface")
    asked.add_argument("--data", type=Path, help="folder of portraits")
    asked.add_argument("--first", type=int, default=None, help="only so many of them")
    asked.add_argument("--repeat", type=int, default=7)
    told = asked.parse_args()
    finder = FaceFinder.load(told.weights)
    if told.data:
        print_rate(finder, sorted(p for p in told.data.iterdir() if p.suffix.lower() in SUFFIXES)[: told.first])
    else:
        print_times(finder, told.repeat)


def photo_of(megapixels: int, share: float = 0.4) -> Pixels:
    """A 4:3 photo with the portrait over `share` of its height before a noisy wall."""
    height = round(math.sqrt(megapixels * 1e6 * 3 / 4))
    width, side = height * 4 // 3, round(height * share)
    noise = np.random.default_rng(0)
    wall = noise.integers(110, 150, (height // 8, width // 8, 3), np.uint8)
    photo = np.array(Image.fromarray(wall).resize((width, height), Image.Resampling.BICUBIC))
    photo += noise.integers(0, 8, (height, width, 1), np.uint8)
    with Image.open(PORTRAIT) as portrait:
        face = np.asarray(portrait.convert("RGB").resize((side, side), Image.Resampling.BICUBIC))
    left, top = (width - side) // 2, height // 5
    photo[top : top + side, left : left + side] = face
    return photo


def encoded(picture: Pixels, format: str) -> bytes:
    file = io.BytesIO()
    options = {"quality": 90} if format == "JPEG" else {"compress_level": 1} if format == "PNG" else {}
    if format == "HEIF":
        import pillow_heif

        pillow_heif.from_pillow(Image.fromarray(picture)).save(file, quality=60)
    else:
        Image.fromarray(picture).save(file, format, **options)
    return file.getvalue()


def milliseconds(work: Callable[[], object], repeat: int) -> tuple[float, float]:
    """Median and least time: the least is what an idle machine takes."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times), min(times)


def print_times(finder: FaceFinder, repeat: int) -> None:
    print(f"{'milliseconds, median (least)':32}" + "".join(f"{f'{mp} MP':>18}" for mp in MEGAPIXELS))
    rows: dict[str, list[str]] = {}

    def row(name: str, work: Callable[[], object], times: int = repeat) -> float:
        median, least = milliseconds(work, times)
        rows.setdefault(name, []).append(f"{median:8.0f} ({least:.0f})")
        return least

    for megapixels in MEGAPIXELS:
        picture = photo_of(megapixels)
        jpeg = encoded(picture, "JPEG")
        rgb = open_photo(jpeg).rgb
        nobody = np.ascontiguousarray(rgb[: rgb.shape[0] // 6])
        face = finder.one_face(rgb)
        row("open JPEG", lambda jpeg=jpeg: open_photo(jpeg))
        row("find the face", lambda rgb=rgb: finder.one_face(rgb))
        row("open JPEG and find the face", lambda jpeg=jpeg: finder.one_face(open_photo(jpeg).rgb))
        row("cut it out, 256 px", lambda rgb=rgb, face=face: align_face(rgb, face))
        row("look closer in vain", lambda nobody=nobody: finder.find(nobody), 2)
        if megapixels <= 12:
            for format in ("PNG", "WEBP", "HEIF"):
                data = encoded(picture, format)
                row(f"open {format}", lambda data=data: open_photo(data), 2)
    for name, cells in rows.items():
        print(f"{name:32}" + "".join(f"{cell:>18}" for cell in cells))


def print_rate(finder: FaceFinder, paths: list[Path]) -> None:
    """Found, refused and warned about; and how far faces that were FFHQ-aligned move when aligned again."""
    refused: Counter[str] = Counter()
    warned: Counter[str] = Counter()
    shifts, times, missed = [], [], []
    for path in paths:
        start = time.perf_counter()
        try:
            rgb = open_photo(path.read_bytes()).rgb
            try:
                face = finder.one_face(rgb)
            except SeveralFaces as several:
                refused[several.code] += 1
                widths = [right - left for left, _, right, _ in several.boxes]
                face = finder.one_face(rgb, choice=widths.index(max(widths)))
        except (FaceError, PhotoError) as error:
            refused[error.code] += 1
            missed.append(path.name)
            continue
        warned.update(align_face(rgb, face).warnings)
        times.append(1000 * (time.perf_counter() - start))
        if rgb.shape == (256, 256, 3):
            moved = ffhq_square(face.landmarks).from_photo(face.landmarks, 256) - face.landmarks
            shifts.append(float(np.median(np.hypot(*moved.T))))
    found = len(paths) - len(missed)
    print(f"one face found       {found} of {len(paths)} ({100 * found / max(1, len(paths)):.1f} %)")
    print(f"questions, refusals  {dict(refused)} {missed[:9]}")
    print(f"warnings             {dict(warned)}")
    if times:
        print(f"open, find and cut   {statistics.median(times):.0f} ms (median)")
    if shifts:
        print(f"aligned again        moves the median landmark by {statistics.median(shifts):.2f} px of 256 (median)")


if __name__ == "__main__":
    main()
