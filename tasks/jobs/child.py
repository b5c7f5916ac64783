"""`make_child`: both parents' latents in, the child's picture out; afterwards a refined one, as a job of its own.

fast      latents from the cache (or encode) → draw → result          (somebody waits for this one)
refined   follows a fast one: refine both parents → draw again → result
grow      like fast, many ages on one strip, or, where the wish names a kind of film ("mp4", "gif"), one growing up
card      like fast; mom, dad and child side by side, for whoever makes a family card of them
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from statistics import fmean
from typing import TYPE_CHECKING, Any

from observability.logs import get_logger
from storage.errors import PhotoGone
from storage.records import Job, Photo
from storage.unit_of_work import UnitOfWork
from tasks.context import TaskContext
from tasks.jobs import instrumentation, parents
from tasks.jobs.encode import wants_refinement
from tasks.jobs.job_runner import RetryAfter, run_job
from tasks.jobs.progress import Reporter

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from core.domain.child_spec import ChildSpec
    from core.latent.latent import Latent
    from core.output.video import Film
    from core.pipeline import Child

    Pixels = npt.NDArray[np.uint8]

log = get_logger(__name__)

ON_CARD = 512
"""Pixels of each of the three pictures of a family card."""

GROWN_AT = (1.0, 3.0, 6.0, 10.0, 15.0, 25.0, 40.0, 60.0)
"""Ages of a growth strip when the wish names none."""


def make_child(context: TaskContext, job_id: str) -> RetryAfter | None:
    """Draw the child (or growth strip) of a job and store it. Never draws a finished job again."""
    return run_job(context, job_id, lambda job, reporter: _make(context, job, reporter))


def _make(context: TaskContext, job: Job, reporter: Reporter) -> bool:
    refined = job.quality == "refined"
    latents = (_refined if refined else _fast)(context, job, reporter)
    drawing = reporter.stage("drawing", 0.9 if refined else 0.5, 1.0)
    drawn = _draw(context, job, latents, drawing, reporter.cancelled)
    instrumentation.staged(*(child.timings_ms for child in drawn.children))
    reporter.check_cancelled()
    return _store(context, job, drawn)


def _fast(context: TaskContext, job: Job, reporter: Reporter) -> list[Latent]:
    """The parents' best latents, encoding those that have none: of photos about which nothing is left to be asked."""
    latents = []
    keep_crop: bool | None = None
    for i, photo in enumerate(_photos(context, job)):
        reporter.stage("encoding", i / 4, (i + 1) / 4)
        latent = parents.best_cached(context, photo)
        if latent is None:
            if keep_crop is None:
                keep_crop = wants_refinement(context, job)
            latent = parents.encode(context, photo, keep_crop=keep_crop, drawings=True, adult=True)
        latents.append(latent)
    return latents


def _refined(context: TaskContext, job: Job, reporter: Reporter) -> list[Latent]:
    """The parents' refined latents, refining those that have none. A parent once refined is never refined again."""
    latents = []
    for i, photo in enumerate(_photos(context, job)):
        progress = reporter.stage("refining", i * 0.45, (i + 1) * 0.45)
        latent = parents.cached(context, photo, "refined")
        instrumentation.looked_up("refined", latent)
        if latent is None:
            start = parents.cached(context, photo, "fast") or parents.encode(
                context, photo, keep_crop=True, drawings=True, adult=True
            )
            photo = _photo(context, photo.id)
            latent = parents.refine(context, photo, start, progress, reporter.cancelled)
        latents.append(latent)
    return latents


def _photos(context: TaskContext, job: Job) -> tuple[Photo, Photo]:
    """Mom's and dad's handles. Raises PhotoGone or NotFound if they were deleted in the meantime."""
    if job.mom_photo_id is None or job.dad_photo_id is None:
        raise PhotoGone(photo_id="")  # the row of a photo takes its id out of the jobs with it
    return _photo(context, job.mom_photo_id), _photo(context, job.dad_photo_id)


def _photo(context: TaskContext, photo_id: str) -> Photo:
    with context.store.read_only() as unit:
        return unit.photos.get(photo_id)


@dataclass(frozen=True)
class DrawnChildren:
    """The output of a job: its children, and the file with its type and size."""

    children: Sequence[Child]
    data: bytes
    mime: str
    width: int
    height: int


def _draw(
    context: TaskContext, job: Job, latents: Sequence[Latent], progress: Any, cancelled: Callable[[], bool]
) -> DrawnChildren:
    """The child, its ages as a strip or a film, or the three of the family.

    The parents' photos are gone by then; on a card they are drawn from their latents, like the child.
    """
    import numpy as np

    from core.output.images import strip

    mom, dad = latents
    pipeline = context.pipeline()
    if job.kind == "grow":
        ages = [float(age) for age in job.wish.get("ages") or GROWN_AT]
        # A strip is many pictures side by side; none of them needs to be large. Nor need those of a film.
        wish = wish_of({"size": 256, **job.wish, "age": ages[0]})
        if job.wish.get("film"):
            return _film(context, job, *pipeline.film(mom, dad, wish, ages, progress=progress, cancelled=cancelled))
        children = pipeline.grow(mom, dad, wish, ages, progress=progress, cancelled=cancelled)
        return _picture(
            context, children, strip([child.image for child in children], [f"{child.age:g}" for child in children])
        )
    if job.kind == "card":
        child = pipeline.make(mom, dad, wish_of({**job.wish, "size": ON_CARD}), progress=progress)
        parents = [pipeline.draw(latent, size=ON_CARD) for latent in latents]
        return _picture(context, [child], np.hstack([*parents, child.image]))
    child = pipeline.make(mom, dad, wish_of(job.wish), progress=progress)
    return _picture(context, [child], child.image)


def _picture(context: TaskContext, children: Sequence[Child], image: Pixels) -> DrawnChildren:
    from core.output.images import encode_picture, mark_corner

    if context.config.corner_mark:
        image = mark_corner(image)
    data = encode_picture(image, kind="jpeg")
    if context.sign is not None:
        data = context.sign(data)
    height, width = image.shape[:2]
    return DrawnChildren(children, data, "image/jpeg", width, height)


def _film(context: TaskContext, job: Job, children: Sequence[Child], film: Film) -> DrawnChildren:
    from core.domain.errors import SettingError
    from core.output.video import FILM_TYPES, encode_film, mark_corners

    kind = job.wish["film"]
    if kind not in FILM_TYPES:
        raise SettingError(name="film", value=kind, allowed=", ".join(FILM_TYPES))
    if context.config.corner_mark:
        film = mark_corners(film)
    height, width = film.frames[0].shape[:2]
    return DrawnChildren(children, encode_film(film, kind), FILM_TYPES[kind], width, height)


def wish_of(facts: Mapping[str, Any]) -> ChildSpec:
    """A job's wish; what a `ChildSpec` does not know (the ages of a strip) is left out. Raises SettingError."""
    from core.domain.child_spec import ChildSpec

    known = {field.name for field in fields(ChildSpec)}
    return ChildSpec(**{name: value for name, value in facts.items() if name in known and value is not None})


def _code_of(job: Job, sex: str) -> str:
    from core.domain.child_code import code_of

    return code_of(wish_of(job.wish), sex)


def _store(context: TaskContext, job: Job, drawn: DrawnChildren) -> bool:
    """Result, end of the job and the job that follows, in one transaction; the message for the follower after it.

    False when the job had ended before: cancelled, or finished by another worker, while this one was drawing.
    """
    follow = job.kind == "child" and job.quality == "fast" and wants_refinement(context, job)
    with context.store.unit() as unit:
        if not unit.jobs.finish(job.id, facts_of(job, drawn.children)):
            return False
        unit.results.add(job.id, drawn.data, drawn.mime, drawn.width, drawn.height, context.config.ttl_result)
        follower = _add_refinement(unit, job) if follow else None
        unit.commit()
    if follower is not None:
        _queue(context, follower)
    return True


def _add_refinement(unit: UnitOfWork, job: Job) -> Job | None:
    """A follow-up job, if a parent can still be refined and no job refines these two already."""
    if job.mom_photo_id is None or job.dad_photo_id is None:
        return None
    pair = {job.mom_photo_id, job.dad_photo_id}
    if all(unit.photos.get(photo_id).kind != "crop" for photo_id in pair):
        return None
    for other in unit.jobs.active_for(job.user_id):
        if other.quality == "refined" and {other.mom_photo_id, other.dad_photo_id} == pair:
            return None
    return unit.jobs.add(
        job.kind,
        job.user_id,
        job.platform,
        job.chat_id,
        mom_photo_id=job.mom_photo_id,
        dad_photo_id=job.dad_photo_id,
        wish=job.wish,
        quality="refined",
        follows_job_id=job.id,
    )


def _queue(context: TaskContext, job: Job) -> None:
    try:
        context.queue.put(job)
    except Exception as fault:
        # The first picture is safe; the search for lost jobs will queue this one again.
        log.warning("could not be queued now", job=job.id, fault=type(fault).__name__)


def facts_of(job: Job, children: Sequence[Child]) -> dict[str, Any]:
    """What the caption and the buttons need; lists for a strip."""
    first = children[0]
    facts: dict[str, Any] = {
        "age": first.age,
        "estimated_age": round(first.estimated_age, 1),
        "sex": first.sex,
        "mix": first.mix,
        "seed": first.seed,
        "genes": dict(first.genes),
        "code": first.code,
        "likeness": {who: round(fmean(child.likeness[who] for child in children), 1) for who in first.likeness},
        "timings_ms": {stage: round(spent, 1) for stage, spent in first.timings_ms.items()},
        "generator": first.generator,
        "encoder": first.encoder,
        "warnings": list(first.warnings),
        "quality": job.quality,
    }
    if job.kind == "grow":
        facts["ages"] = [child.age for child in children]
        facts["code"] = _code_of(job, first.sex)  # of the child as it was asked for, not of the baby on the left
    return facts
