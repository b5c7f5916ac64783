"""Turns finished job rows into events: the outcome, where to report it, which buttons to offer."""

from __future__ import annotations

from typing import Any

from bots.conversation.events import (
    DrawingFailed,
    DrawingKind,
    DrawingReady,
    DrawingStopped,
    Event,
    PhotoEncoded,
    PhotoRefused,
    SourceDrawing,
    WallChild,
)
from storage.errors import NotFound
from storage.records import Job
from storage.unit_of_work import UnitOfWork

GONE = ""
"""The id of a photo whose row was deleted: no conversation knows it, so nothing is said of it."""


def outcome(job: Job) -> Event:
    """A finished job as an event of the conversation."""
    return _photo_outcome(job) if job.kind == "encode" else _drawing_outcome(job)


def _photo_outcome(job: Job) -> Event:
    # A job outlives its photo where somebody else's photo was used and its owner deleted their data meanwhile.
    photo_id = job.photo_id or GONE
    if job.state != "done" or photo_id == GONE:
        # Cancelled by the task means that the photo was deleted under it.
        gone = photo_id == GONE or job.state == "cancelled"
        return PhotoRefused(
            photo_id, "photo_gone" if gone else job.error_code or "internal_error", job.error_facts, job.id
        )
    found = job.result
    return PhotoEncoded(
        photo_id,
        sex=str(found.get("sex")),
        confidence=float(found.get("sex_confidence") or 0.0),
        age=float(found.get("estimated_age") or 0.0),
        warnings=tuple(found.get("warnings") or ()),
    )


def _drawing_outcome(job: Job) -> Event:
    if job.state == "failed":
        return DrawingFailed(job.id, job.error_code or "internal_error", job.error_facts, job.quality)
    if job.state == "cancelled" or job.cancel_requested:
        return DrawingStopped(job.id)
    return DrawingReady(
        job.id,
        kind=drawing_kind(job),
        quality=job.quality,
        age=float(job.wish["age"]),
        mix=float(job.wish["mix"]),
        # What the wish left to chance, the result knows.
        sex=str(job.result.get("sex") or job.wish["sex"]),
        warnings=tuple(job.result.get("warnings") or ()),
        seed=int(job.wish.get("seed") or 0),
        likeness=dict(job.result.get("likeness") or {}),
        parents=(job.mom_photo_id, job.dad_photo_id),
        name_locale=str(job.wish.get("tongue") or ""),
        genes=dict(job.result.get("genes") or {}),
        code=str(job.result.get("code") or ""),
        estimated_age=job.result.get("estimated_age"),
    )


def drawing_kind(job: Job) -> DrawingKind:
    """A child, its ages as a strip or as a film, a family card."""
    if job.kind == "grow":
        return "clip" if job.wish.get("film") else "grow"
    return "card" if job.kind == "card" else "child"


WALL_LOOKS_AT = 200
"""How many images to search for the newest children of a group."""
MAX_ON_WALL = 12


def wall_of(unit: UnitOfWork, platform: str, chat_id: str) -> tuple[WallChild, ...]:
    """The newest children of a chat that still have a picture; of each child its newest picture."""
    found: dict[tuple[str | None, str | None, int], WallChild] = {}
    for job in unit.jobs.drawn_in(platform, chat_id, WALL_LOOKS_AT):
        child = (job.mom_photo_id, job.dad_photo_id, int(job.wish["seed"]))
        sex = str(job.result.get("sex") or job.wish["sex"])
        tongue = str(job.wish.get("tongue") or "")
        found.setdefault(child, WallChild(job.id, sex, float(job.wish["age"]), child[2], tongue))
    return tuple(found.values())[:MAX_ON_WALL]


def reply_facts(unit: UnitOfWork, job: Job) -> dict[str, Any]:
    """Where and in which language to answer; a job that follows another one answers where that one did."""
    if job.follows_job_id is None:
        return job.reply
    try:
        before = unit.jobs.get(job.follows_job_id).reply
    except NotFound:
        return job.reply
    return {name: before.get(name) for name in ("to", "user", "language", "group")} | job.reply


def source_of(unit: UnitOfWork, job_id: str, platform: str, chat_id: str) -> SourceDrawing | None:
    """The drawing under which a button hangs, if it still exists and was drawn in this chat."""
    try:
        job = unit.jobs.get(job_id)
        if job.kind == "encode" or (job.platform, job.chat_id) != (platform, chat_id):
            return None
        mom, dad = unit.photos.get(job.mom_photo_id or ""), unit.photos.get(job.dad_photo_id or "")
    except NotFound:
        return None
    people = (job.user_id, mom.owner_id, dad.owner_id)
    genes = dict(job.result.get("genes") or {})
    code = str(job.result.get("code") or "")
    return SourceDrawing(job.id, drawing_kind(job), mom.id, dad.id, job.wish, people, genes, code)
