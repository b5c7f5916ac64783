"""Selects photos of adults who could be parents."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from core.domain.errors import FaceError, PhotoError
from core.latent.latent import Latent
from core.pipeline import ChildPipeline

AGES = (20.0, 65.0)
"""Years, as the estimator sees them."""


def find_adults(pipeline: ChildPipeline, photos: Iterable[Path], *, most: int | None = None) -> dict[str, list[Latent]]:
    """The latents of women ("female") and men ("male") among photos, the first `most` of each."""
    found: dict[str, list[Latent]] = {"female": [], "male": []}
    for path in photos:
        if most is not None and min(map(len, found.values())) >= most:
            break
        try:
            parent = pipeline.encode(path.read_bytes())
        except (FaceError, PhotoError):
            continue
        if AGES[0] <= parent.age <= AGES[1]:
            found[parent.sex].append(parent.latent)
    return {sex: some[:most] for sex, some in found.items()}


def kept_grown_ups(pipeline: ChildPipeline, photos: Iterable[Path], folder: Path) -> dict[str, list[Latent]]:
    """The same, kept in a folder: a training that goes on finds them there, if its encoder is still the same."""
    if folder.is_dir():
        kept = {sex: [Latent.load(path) for path in sorted((folder / sex).iterdir())] for sex in ("female", "male")}
        if all(one.encoder == pipeline.encoder_version for some in kept.values() for one in some):
            return kept
        shutil.rmtree(folder)
    found = find_adults(pipeline, photos)
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    for sex, some in found.items():
        (fresh / sex).mkdir(parents=True)
        for number, one in enumerate(some):
            one.save(fresh / sex / f"{number:05d}.npz")
    fresh.rename(folder)
    return found
