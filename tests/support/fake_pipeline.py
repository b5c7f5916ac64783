"""A fake pipeline: same protocol, no weights; it counts its calls."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from core.domain.child_code import code_of
from core.domain.child_spec import ChildSpec
from core.domain.errors import Cancelled, NoFace
from core.domain.genes import TRAITS
from core.latent.latent import Latent
from core.output.video import Film
from core.pipeline import Child, Parent

Progress = Callable[[float], object]
Pixels = npt.NDArray[np.uint8]

GENERATOR = "fake-generator@1"
ENCODER = "fake-encoder@1"


def photo_of(name: str) -> bytes:
    """Bytes that the fake takes for a photo of somebody: `mom` is female, everybody else male."""
    return f"photo of {name}".encode()


NOT_A_FACE = b"photo of a tree"


def latent_of(text: bytes, quality: str = "fast") -> Latent:
    """The same bytes give the same latent."""
    digest = hashlib.sha256(text + quality.encode()).digest()
    numbers = np.random.default_rng(int.from_bytes(digest[:8], "little"))
    return Latent(
        w=numbers.normal(size=(23, 512)).astype(np.float32),
        descriptor=numbers.normal(size=128).astype(np.float32),
        generator=GENERATOR,
        encoder=ENCODER,
    )


@dataclass
class FakePipeline:
    """See `core.pipeline_protocol.Pipeline`. `raises` maps a method's name to what it raises, once for each entry."""

    encoder_version: str = ENCODER
    raises: dict[str, list[BaseException]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    before: dict[str, Callable[[], object]] = field(default_factory=dict)
    """Called at the beginning of a method, by its name: to look at the world in the middle of a job."""
    refining: threading.Event = field(default_factory=threading.Event)
    parent_age: tuple[float, float] = (31.0, 0.0)
    """What every parent is taken for, with its standard error."""
    drawings: list[bool] = field(default_factory=list)
    """Whether each `encode` was to take drawings."""
    never_done: bool = False
    """`refine` goes on until it is cancelled."""

    def encode(self, photo: bytes, *, face: int | None = None, drawings: bool = False) -> Parent:
        self.drawings.append(drawings)
        self._called("encode")
        if not photo.startswith(b"photo of ") or photo == NOT_A_FACE:
            raise NoFace()
        female = b"mom" in photo
        return Parent(
            latent=latent_of(photo + str(face).encode()),
            sex="female" if female else "male",
            sex_confidence=0.97,
            age=self.parent_age[0],
            age_error=self.parent_age[1],
            crop=np.full((256, 256, 3), 200 if female else 100, np.uint8),
            warnings=["dark"] if b"dark" in photo else [],
            timings_ms={"detect": 1.0, "encode": 2.0},
        )

    def average(self, photos: Sequence[Parent]) -> Parent:
        self._called("average")
        mean = np.mean([one.latent.w for one in photos], axis=0)
        return replace(photos[0], latent=replace(photos[0].latent, w=mean))

    def refine(
        self,
        crop: Pixels,
        start: Latent,
        *,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
        seconds: float = 12.0,
        averaged: bool = False,
    ) -> Latent:
        self._called("refine")
        assert crop.shape == (256, 256, 3) and crop.dtype == np.uint8
        self.refining.set()
        part = 0.0
        while part < 1.0 or self.never_done:
            part = min(part + 0.25, 1.0)
            if progress is not None:
                progress(part)
            if cancelled is not None and cancelled():
                raise Cancelled()
            if self.never_done:
                threading.Event().wait(0.01)
        return latent_of(start.to_bytes(), "refined")

    def make(self, mom: Latent, dad: Latent, spec: ChildSpec, *, progress: Progress | None = None) -> Child:
        self._called("make")
        if progress is not None:
            progress(1.0)
        mixed = (mom.w.sum() + dad.w.sum() + spec.age + spec.mix) % 255
        return Child(
            image=np.full((spec.size, spec.size, 3), int(mixed), np.uint8),
            age=spec.age,
            estimated_age=spec.age + 0.5,
            sex="girl" if spec.sex == "surprise" else spec.sex,
            mix=spec.mix,
            seed=spec.seed,
            genes={trait: spec.genes.get(trait, "both") for trait in TRAITS},
            code=code_of(spec, "girl" if spec.sex == "surprise" else spec.sex),
            likeness={"mom": 0.7, "dad": 0.6},
            latent=mom,
            timings_ms={"age": 3.0, "draw": 4.0},
            generator=GENERATOR,
            encoder=self.encoder_version,
            warnings=[],
        )

    def grow(
        self,
        mom: Latent,
        dad: Latent,
        spec: ChildSpec,
        ages: Sequence[float],
        *,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[Child]:
        self._called("grow")
        return [self.make(mom, dad, replace(spec, age=age)) for age in ages]

    def film(
        self,
        mom: Latent,
        dad: Latent,
        spec: ChildSpec,
        ages: Sequence[float],
        *,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> tuple[list[Child], Film]:
        self._called("film")
        children = [self.make(mom, dad, replace(spec, age=age)) for age in ages]
        return children, Film([child.image for child in children], [500] * len(children))

    def draw(self, latent: Latent, *, size: int = 1024) -> Pixels:
        self._called("draw")
        return np.full((size, size, 3), int(abs(latent.w.sum())) % 255, np.uint8)

    def age_face(self, latent: Latent, *, age: float) -> Latent:
        self._called("age_face")
        return replace(latent, w=latent.w + np.float32(age / 100))

    def change_looks(self, latent: Latent, looks: Mapping[str, float]) -> Latent:
        self._called("change_looks")
        return replace(latent, w=latent.w + np.float32(sum(looks.values())))

    def _called(self, name: str) -> None:
        self.calls[name] += 1
        if name in self.before:
            self.before[name]()
        if self.raises.get(name):
            raise self.raises[name].pop(0)
