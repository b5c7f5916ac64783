"""A parent's latent: from the cache, else from the photo, which is deleted in the same transaction."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from core.domain.errors import AgeUncertain, InputError, NotAPhoto, SeveralFaces
from core.face.minimum_age import require_adult
from storage.records import Photo, Quality
from storage.unit_of_work import UnitOfWork
from tasks.context import TaskContext
from tasks.jobs import instrumentation

if TYPE_CHECKING:
    import numpy.typing as npt

    from core.latent.latent import Latent
    from core.pipeline import Parent


def cached(context: TaskContext, photo: Photo, quality: Quality) -> Latent | None:
    """The stored latent of exactly this quality, or None."""
    from core.latent.latent import Latent

    with context.store.unit() as unit:
        data = unit.latents.find(photo.owner_id, photo.sha256, photo.face, context.pipeline().encoder_version, quality)
        unit.commit()
    return None if data is None else Latent.from_bytes(data)


def best_cached(context: TaskContext, photo: Photo) -> Latent | None:
    """The refined latent where there is one, else the fast one, else None."""
    found = cached(context, photo, "refined") or cached(context, photo, "fast")
    instrumentation.looked_up("best", found)
    return found


def encode(
    context: TaskContext, photo: Photo, *, keep_crop: bool, drawings: bool = False, adult: bool = False
) -> Latent:
    """Encode a photo and, in one transaction, store its latent and let the photo go.

    With `keep_crop` the aligned face of 256 pixels takes the photo's place until it is refined (unless the same photo
    was refined before). A photo that cannot be used is deleted at once. One with several faces waits for a choice, a
    drawing for its sender's wish where it may be used (`drawings`: it shall be), and the photo of a person who may be
    underage for the statement that they are an adult (`adult`: it was made).
    Raises PhotoGone, UnderAge, AgeUncertain, and what `Pipeline.encode` raises.
    """
    keep_crop = keep_crop and cached(context, photo, "refined") is None
    with context.store.read_only() as unit:
        data = unit.photos.data(photo.id)
    # Of a crop only the face is left (the encoder changed since): there is one face, whatever was chosen before.
    face = None if photo.kind == "crop" else photo.face
    try:
        parent = context.pipeline().encode(data, face=face, drawings=drawings)
        # A latent is only stored once nothing more has to be stated, so nobody is asked twice about the same one.
        stated = adult or cached(context, photo, "fast") is not None
        require_adult(parent.age, parent.age_error, youngest=context.config.youngest_parent, stated=stated)
    except NotAPhoto as answer:
        if not context.config.drawings:
            _forget(context, photo)
            raise
        raise NotAPhoto(score=answer.score, limit=answer.limit, anyway=True) from answer
    except InputError as answer:
        if not isinstance(answer, SeveralFaces | AgeUncertain):
            _forget(context, photo)
        raise
    instrumentation.staged(parent.timings_ms)
    with context.store.unit() as unit:
        _keep(context, unit, photo, parent, keep_crop=keep_crop)
        unit.commit()
    return parent.latent


def _forget(context: TaskContext, photo: Photo) -> None:
    with context.store.unit() as unit:
        unit.photos.forget_data(photo.id)
        unit.commit()


def refine(
    context: TaskContext, photo: Photo, start: Latent, progress: Callable[[float], None], cancelled: Callable[[], bool]
) -> Latent:
    """Refine a parent from its kept crop, delete the crop. Without a crop the answer is `start`. Raises Cancelled."""
    with context.store.read_only() as unit:
        if unit.photos.get(photo.id).kind != "crop":
            return start
        crop = _pixels(unit.photos.data(photo.id))
    with instrumentation.stage("refine"):
        latent = context.pipeline().refine(
            crop, start, progress=progress, cancelled=cancelled, seconds=context.config.refine_seconds
        )
    with context.store.unit() as unit:
        _add_latent(context, unit, photo, latent, "refined")
        unit.photos.forget_data(photo.id)
        unit.commit()
    return latent


def _keep(context: TaskContext, unit: UnitOfWork, photo: Photo, parent: Parent, *, keep_crop: bool) -> None:
    from core.output.images import encode_picture

    _add_latent(context, unit, photo, parent.latent, "fast")
    unit.photos.set_facts(
        photo.id,
        sex=parent.sex,
        sex_confidence=parent.sex_confidence,
        estimated_age=parent.age,
        warnings=parent.warnings,
    )
    if not keep_crop:
        unit.photos.forget_data(photo.id)
    elif photo.kind == "original":
        unit.photos.replace_with_crop(photo.id, encode_picture(parent.crop))


def _add_latent(context: TaskContext, unit: UnitOfWork, photo: Photo, latent: Latent, quality: Quality) -> None:
    unit.latents.add(
        photo.owner_id,
        photo.sha256,
        photo.face,
        context.pipeline().encoder_version,
        quality,
        latent.to_bytes(),
        context.config.ttl_latent,
    )


def _pixels(png: bytes) -> npt.NDArray[np.uint8]:
    """A crop that we wrote ourselves, uint8 H×W×3."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
