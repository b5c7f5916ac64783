"""How commands open strangers' photos."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from childface.cli.context import load_pipeline, photo_opener, read_settings
from childface.settings import Settings
from core.photo.decode import open_photo
from tests.support.photos.good_photos import good_files


def test_photos_are_opened_in_a_process_of_their_own(tmp_path: Path) -> None:
    before = set(psutil.Process().children())
    opener = photo_opener(Settings(_env_file=None, data_dir=tmp_path))
    # It is there before the first photo comes.
    assert len(set(psutil.Process().children()) - before) == 1
    assert opener(good_files()["jpeg"]).rgb.shape == (96, 96, 3)


def test_whoever_wants_no_fence_gets_none(tmp_path: Path) -> None:
    assert photo_opener(Settings(_env_file=None, data_dir=tmp_path, photo_processes=0)) is open_photo


def test_a_setting_that_does_not_exist_is_warned_about_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHILDFACE_NSFW_LIMITS", "1")

    read_settings()
    read_settings()

    said = capsys.readouterr().err
    assert said.count("CHILDFACE_NSFW_LIMITS is not a setting") == 1
    assert "did you mean CHILDFACE_NSFW_LIMIT?" in said


@pytest.mark.parametrize(("chosen", "quota", "threads"), [(None, 3, 3), (5, 3, 5), (None, None, None)])
def test_models_get_the_threads_that_the_container_may_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: int | None, quota: int | None, threads: int | None
) -> None:
    loaded: dict[str, object] = {}

    class Pipeline:
        @classmethod
        def load(cls, weights: Path, **options: object) -> Pipeline:
            loaded.update(options)
            return cls()

        def step_aside(self) -> None: ...

    monkeypatch.setattr("core.pipeline.ChildPipeline", Pipeline)
    monkeypatch.setattr("childface.cli.context.cpu_quota", lambda: quota)

    load_pipeline(Settings(_env_file=None, data_dir=tmp_path, threads=chosen, photo_processes=0))

    assert loaded["threads"] == threads
