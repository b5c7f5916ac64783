"""`encode_photo`: analyze a photo as soon as it arrives, so that sex, age and problems are known early."""

from __future__ import annotations

from storage.errors import PhotoGone
from storage.records import Job
from storage.unit_of_work import UnitOfWork
from tasks.context import TaskContext
from tasks.jobs import instrumentation, parents
from tasks.jobs.job_runner import RetryAfter, run_job
from tasks.jobs.progress import Reporter


def encode_photo(context: TaskContext, job_id: str) -> RetryAfter | None:
    """Photo → latent in the cache and facts in the photo's row; the photo itself is deleted."""
    return run_job(context, job_id, lambda job, reporter: _encode(context, job, reporter))


def _encode(context: TaskContext, job: Job, reporter: Reporter) -> bool:
    if job.photo_id is None:
        raise PhotoGone(photo_id="")  # its owner deleted their data while the job was waiting
    with context.store.read_only() as unit:
        photo = unit.photos.get(job.photo_id)
    reporter.stage("encoding", 0.0, 0.9)
    found = None if photo.sex is None else parents.cached(context, photo, "fast")
    instrumentation.looked_up("fast", found)
    if found is None:
        keep_crop = wants_refinement(context, job)
        drawings, adult = (bool(job.wish.get(name)) for name in ("drawings", "adult"))
        parents.encode(context, photo, keep_crop=keep_crop, drawings=drawings, adult=adult)
    with context.store.unit() as unit:
        finished = unit.jobs.finish(job.id, facts_of(unit, photo.id))
        if finished:
            unit.commit()
    return finished


def facts_of(unit: UnitOfWork, photo_id: str) -> dict[str, object]:
    """What the conversation wants to know about a parent."""
    photo = unit.photos.get(photo_id)
    return {
        "photo_id": photo.id,
        "sex": photo.sex,
        "sex_confidence": photo.sex_confidence,
        "estimated_age": photo.estimated_age,
        "warnings": photo.warnings,
    }


def wants_refinement(context: TaskContext, job: Job) -> bool:
    """The user's choice, else the program's default."""
    with context.store.read_only() as unit:
        chosen = unit.users.get(job.user_id).refine
    return context.config.refine if chosen is None else chosen
