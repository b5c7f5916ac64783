"""How commands open strangers' photos."""

from __future__ import annotations

from pathlib import Path

import psutil

from childface.environment import photo_opener
from childface.settings import Settings
from core.photo import open_photo
from tests.core.good_photos import good_files


def test_photos_are_opened_in_a_process_of_their_own(tmp_path: Path) -> None:
    before = set(psutil.Process().children())
    opener = photo_opener(Settings(_env_file=None, data_dir=tmp_path))
    # It is there before the first photo comes.
    assert len(set(psutil.Process().children()) - before) == 1
    assert opener(good_files()["jpeg"]).rgb.shape == (96, 96, 3)


def test_whoever_wants_no_fence_gets_none(tmp_path: Path) -> None:
    assert photo_opener(Settings(_env_file=None, data_dir=tmp_path, photo_processes=0)) is open_photo
