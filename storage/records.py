"""Records returned by storage: frozen, with uuid4 hex ids and timezone-aware timestamps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

PhotoKind = Literal["original", "crop", "gone"]
JobKind = Literal["encode", "child", "grow", "card"]
JobState = Literal["queued", "running", "done", "failed", "cancelled"]
Quality = Literal["fast", "refined"]


@dataclass(frozen=True, slots=True)
class User:
    """One person on one platform, with the settings they chose; None means "our default"."""

    id: str
    platform: str
    platform_user_id: str
    language: str | None
    age: float | None
    mix: float | None
    sex: str | None
    refine: bool | None
    wall: bool | None
    """Only for a group's synthetic user: whether its family wall may be shown."""
    consent_at: datetime | None
    consent_version: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Conversation:
    """The conversation of one person in one chat. `version` counts saves, starting at 1."""

    platform: str
    chat_id: str
    user_id: str
    state: dict[str, Any]
    version: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Photo:
    """The handle of one parent. Outlives the image itself (`kind == "gone"`)."""

    id: str
    owner_id: str
    sha256: str
    face: int | None
    blob_key: str | None
    kind: PhotoKind
    sex: str | None
    sex_confidence: float | None
    estimated_age: float | None
    warnings: list[str]
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work; this row, not the queue, is the truth about it."""

    id: str
    kind: JobKind
    user_id: str
    platform: str
    chat_id: str
    photo_id: str | None
    mom_photo_id: str | None
    dad_photo_id: str | None
    wish: dict[str, Any]
    quality: Quality
    state: JobState
    stage: str
    progress: float
    error_code: str | None
    error_facts: dict[str, Any]
    result: dict[str, Any]
    attempts: int
    cancel_requested: bool
    follows_job_id: str | None
    reply: dict[str, Any]
    created_at: datetime
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    claimed_until: datetime | None
    delivered_at: datetime | None
    delivery_attempts: int

    @property
    def finished(self) -> bool:
        """Done, failed or cancelled: nothing will change the outcome any more."""
        return self.state in ("done", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Result:
    """The picture that a job made; its bytes are behind `results.data`."""

    id: str
    job_id: str
    blob_key: str
    mime: str
    width: int
    height: int
    created_at: datetime
    expires_at: datetime
