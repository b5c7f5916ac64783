"""A worker without a pipeline: reads a photo's bytes as a script and fakes the drawing.

b"mom …"      a woman              b"text …"        not a picture
b"dad …"      a man                b"nobody …"      no face
b"someone …"  cannot tell          b"crowd:3 …"     three faces, until one is chosen
b"baby …"     underage             b"youth …"      perhaps not an adult, until that is stated
b"unsafe …"   NSFW                 b""             empty
"""

from __future__ import annotations

import io
import json
import queue
import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from PIL import Image

from core.domain.child_code import code_of
from storage.errors import NotFound, PhotoGone
from storage.records import Job
from storage.unit_of_work import Store
from tasks.jobs.child import wish_of

HOUR = timedelta(hours=1)


class FakeWorker:
    """A `JobQueue` with a thread behind it. Stopped and started again it forgets nothing: rows are the truth."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.done: list[str] = []
        self.picture: bytes | None = None
        """What is drawn, if it is to be a real picture."""
        self._messages: queue.Queue[str | None] = queue.Queue()
        self._free = threading.Event()
        self._free.set()
        self._thread = threading.Thread(target=self._work, name="fake-worker")
        self._thread.start()

    def put(self, job: Job) -> None:
        self._messages.put(job.id)

    def take_back(self, jobs: Sequence[Job]) -> int:
        ids = {job.id for job in jobs}
        with self._messages.mutex:
            ours = [job_id for job_id in self._messages.queue if job_id in ids]
            for job_id in ours:
                self._messages.queue.remove(job_id)
        return len(ours)

    def pause(self) -> None:
        """Take no further job."""
        self._free.clear()

    def resume(self) -> None:
        self._free.set()

    def stop(self) -> None:
        self.resume()
        self._messages.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (job_id := self._messages.get()) is not None:
            self._free.wait()
            self.work(job_id)
            self.done.append(job_id)

    def work(self, job_id: str) -> None:
        """Do one job. As with a real worker, its owner may delete what it needs at any moment."""
        try:
            self._take_and_do(job_id)
        except (NotFound, PhotoGone):
            with self.store.unit() as unit:
                unit.jobs.cancel(job_id)
                unit.commit()

    def _take_and_do(self, job_id: str) -> None:
        with self.store.unit() as unit:
            job = unit.jobs.start(job_id, HOUR)
            unit.commit()
        if job is None:
            return
        if job.kind == "encode":
            self._encode(job)
        else:
            self._draw(job)

    def _encode(self, job: Job) -> None:
        if job.photo_id is None:
            raise PhotoGone(photo_id="")
        with self.store.unit() as unit:
            photo = unit.photos.get(job.photo_id)
            if photo.kind == "gone":  # another photo took its place meanwhile
                unit.jobs.fail(job.id, "photo_gone", {})
                unit.commit()
                return
            direction = unit.photos.data(job.photo_id).split(b" ")[0].decode(errors="replace")
            kind, _, count = direction.partition(":")
            refusals = {
                "": "empty_photo", "text": "not_a_picture", "nobody": "no_face", "baby": "under_age",
                "unsafe": "unsafe_photo",
            }  # fmt: skip
            if kind in refusals:
                unit.jobs.fail(job.id, refusals[kind], {})
                unit.photos.forget_data(photo.id)
            elif kind == "youth" and not job.wish.get("adult"):
                unit.jobs.fail(job.id, "age_uncertain", {"age": 20.5, "youngest": 18.0})
            elif kind == "crowd" and photo.face is None:
                boxes = [[i * 40, 10, i * 40 + 30, 40] for i in range(int(count))]
                unit.jobs.fail(job.id, "several_faces", {"boxes": boxes})
            else:
                unit.jobs.finish(job.id, _facts(kind, photo.face))
                unit.photos.forget_data(photo.id)
            unit.commit()

    def _draw(self, job: Job) -> None:
        with self.store.unit() as unit:
            if unit.jobs.is_cancel_requested(job.id):
                unit.jobs.cancel(job.id)
                unit.commit()
                return
            drawn = {**job.wish, "mom": job.mom_photo_id, "dad": job.dad_photo_id, "kind": job.kind, "job": job.id}
            sex = "girl" if job.wish["sex"] == "surprise" else job.wish["sex"]
            unit.jobs.report(job.id, "drawing", 0.5)
            picture = self.picture or b"picture " + json.dumps(drawn).encode()
            if job.kind == "card":
                picture = trio()
            mime = "video/mp4" if job.wish.get("film") else "image/jpeg"
            unit.results.add(job.id, picture, mime, 4, 4, HOUR)
            unit.jobs.finish(job.id, _facts_of_child(job.wish, sex))
            unit.commit()


def _facts_of_child(facts: dict[str, Any], sex: str) -> dict[str, Any]:
    """The gene card as it was wished, else eyes from mom; whoever is asked to be old looks ten years younger."""
    wish = wish_of(facts)
    missed = wish.age >= 80
    return {
        "sex": sex,
        "age": wish.age,
        "estimated_age": wish.age - 10 if missed else wish.age + 0.3,
        "warnings": ["age_missed"] if missed else [],
        "genes": {"eyes": "mom", "nose": "dad", "hair": "both", **wish.genes},
        "code": code_of(wish, sex),
        "likeness": {"mom": 81.0, "dad": 64.0},
    }


def _facts(kind: str, face: int | None) -> dict[str, Any]:
    woman = kind == "mom" or (kind == "crowd" and face == 0)
    sure = 0.99 if kind in ("mom", "dad", "crowd") else 0.55
    return {"sex": "female" if woman else "male", "sex_confidence": sure, "estimated_age": 30.0, "warnings": []}


def trio(side: int = 64) -> bytes:
    """Three squares side by side, as the worker draws them for a family card."""
    sheet = Image.new("RGB", (3 * side, side))
    for place, colour in enumerate(("red", "blue", "green")):
        sheet.paste(colour, (place * side, 0, (place + 1) * side, side))
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0131] = "ChildFace"
    sheet.save(out, "JPEG", quality=95, xmp=b"<made-by-a-model/>", exif=exif)
    return out.getvalue()


def drawn(picture: bytes | None) -> dict[str, Any]:
    """What the fake worker was asked to draw."""
    assert picture is not None and picture.startswith(b"picture ")
    facts: dict[str, Any] = json.loads(picture.removeprefix(b"picture "))
    return facts
