"""Coverage-guided fuzzing of photo decoding: whatever the bytes, `open_photo` answers with a photo or a PhotoError.

    python tests/fuzz/fuzz_photo.py FOLDER -max_total_time=60

FOLDER keeps what was found worth trying again; a seed of each format is put there first. Needs the extra `fuzz`
(atheris, libFuzzer's Python side). A crash, a hang, a foreign exception or too much memory ends the run, and the file
that did it is left behind as `crash-…`, `timeout-…` or `oom-…`. All further options are libFuzzer's.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[2]))

with atheris.instrument_imports(include=["core", "PIL", "pillow_heif"]):
    from core.domain.errors import PhotoError
    from core.photo.decode import open_photo

from tests.support.photos.good_photos import good_files

MAX_PIXELS = 1_000_000
"""Small pictures are tried faster; nothing in the code depends on the size but the time it takes."""


def try_bytes(data: bytes) -> None:
    """One try. Anything but a photo or a PhotoError ends the run."""
    try:
        photo = open_photo(data, max_pixels=MAX_PIXELS)
    except PhotoError as error:
        assert isinstance(error.facts(), dict)
        return
    height, width, colours = photo.rgb.shape
    assert colours == 3 and 0 < height * width <= MAX_PIXELS and photo.rgb.dtype == "uint8"


def lay_seeds(folder: Path) -> None:
    """A good file of each format."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in good_files().items():
        (folder / f"seed-{name}").write_bytes(data)


if __name__ == "__main__":
    folders = [Path(word) for word in sys.argv[1:] if not word.startswith("-")]
    if folders:
        lay_seeds(folders[0])
    limits = ["-timeout=20", "-rss_limit_mb=2048", "-max_len=20000"]
    atheris.Setup([sys.argv[0], *limits, *sys.argv[1:]], try_bytes)
    atheris.Fuzz()
