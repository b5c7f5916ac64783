"""The context of every command: how to load settings and the pipeline. Tests inject their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from childface.cli.output import note
from core.runtime.host import cpu_quota

if TYPE_CHECKING:
    from childface.settings import Settings
    from core.photo.decode import Photo
    from core.pipeline_protocol import Pipeline


def read_settings() -> Settings:
    """The settings of this process: environment, `.env` and files of secrets. Warns once of variables that set
    nothing."""
    from childface.settings import Settings, unknown_settings

    for name, meant in unknown_settings().items():
        _warn(f"{name} is not a setting and has no effect" + (f"; did you mean {meant}?" if meant else ""))
    return Settings()


@cache
def _warn(sentence: str) -> None:
    note(f"warning: {sentence}")


def load_pipeline(settings: Settings) -> Pipeline:
    """The real pipeline. Imports torch."""
    from core.pipeline import ChildPipeline

    limit = settings.nsfw_limit if settings.nsfw_limit < 1 else None
    opened = photo_opener(settings)  # before the models: a helper gets ready while they load
    pipeline = ChildPipeline.load(
        settings.weights_dir,
        threads=settings.threads or cpu_quota(),
        nsfw_limit=limit,
        photo_limit=settings.photo_limit if settings.photo_limit < 1 else None,
        open_photo=opened,
        engine=settings.engine,
    )
    pipeline.step_aside()
    return pipeline


def photo_opener(settings: Settings) -> Callable[[bytes], Photo]:
    """How photos are decoded: in separate processes, unless the settings say otherwise."""
    if settings.photo_processes == 0:
        from core.photo.decode import open_photo

        return open_photo
    from core.photo.sandbox_client import PhotoProcesses

    processes = PhotoProcesses(settings.photo_processes, require_filter=settings.require_fence)
    processes.start()
    return processes.open


@dataclass
class Environment:
    """The world outside a command."""

    read_settings: Callable[[], Settings] = read_settings
    load_pipeline: Callable[[Settings], Pipeline] = load_pipeline
    debug: bool = False
