"""Whoever on photos could be a parent."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from core.errors import FaceError, PhotoError
from core.latents import Latent
from core.pipeline import ChildPipeline

AGES = (20.0, 65.0)
"""Years, as the estimator sees them."""


def grown_ups(pipeline: ChildPipeline, photos: Iterable[Path], *, most: int | None = None) -> dict[str, list[Latent]]:
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
