"""Read this page first: parents in, child out.

    photo → open → (safe?) → find the face → align → (a photograph?) → encode → look again (→ refine)
    → inherit → age → correct → (passes the gate?) → generate → finish

Two doors. `encode` and `refine` turn a parent's photo into a latent that can be kept; `make` and `grow` turn two kept
latents into a child. In: bytes of a photo, numbers of a wish. Out: uint8 pictures H×W×3 and latents.
Wrong: `PhotoError`, `FaceError`, `SettingError`, `LatentMismatch` (the sender can mend them); `MissingWeights`;
`Cancelled`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.domain.child_code import code_of
from core.domain.child_spec import ChildSpec, ParentSex
from core.domain.errors import Cancelled, DamagedPhoto, NoFace
from core.domain.genes import TraitSource
from core.engines.openvino.engine import OpenVinoEngine
from core.engines.protocol import Engine
from core.engines.selection import load_engine
from core.face.analyzer import FaceAnalyzer
from core.face.detection import Face, align_face
from core.face.mask import landmark_mask
from core.face.minimum_age import combine
from core.face.photo_check import PhotoCheck
from core.face.quality_gate import Verdict, judge_child
from core.face.similarity import distance
from core.face.skin_tone import Pigment, SkinRange, mean_pigment, skin_of_drawing
from core.face.whole_face import require_whole_face
from core.latent.age_editing import OLDEST, Ager
from core.latent.feedback import DESCRIPTOR, SECOND_LOOK_FILE
from core.latent.heredity import Genes, dominance, draw_genes, draw_sex, mix_parents
from core.latent.latent import Latent
from core.latent.losses import NO_MORE, LossMaker
from core.latent.projection import ProjectionSettings, Projector
from core.modeling.encoder import ENCODER_FILE
from core.modeling.generator_weights import GENERATOR_FILE, GENERATOR_NAME
from core.modeling.registry import Models
from core.modeling.weight_hashes import file_sha256
from core.modeling.weights_io import SHIPPED
from core.output.growth import Stage, growth_film
from core.output.video import Film
from core.photo.decode import Photo, open_photo
from core.photo.nsfw import SafetyCheck
from core.runtime.cpu import has_bfloat16, torch_threads
from core.runtime.malloc import trim_heap
from core.runtime.stopwatch import Stopwatch
from core.runtime.tensors import shrink, to_tensor

Pixels = npt.NDArray[np.uint8]
Progress = Callable[[float], None]

TRUNCATION = 0.95
"""A child is drawn a little nearer to the mean than its genes say: what the encoder got wrong shows less."""


YOUNG_ADULT = 25.0
"""Years to which older parents are brought before they are mixed."""

ENCODING_FILES = (ENCODER_FILE, SECOND_LOOK_FILE)
"""The weights that a parent's latent depends on: their hashes stand on it."""

OUTSIDE_THE_FACE = 0.3
"""How much hair and background count in refinement, beside the face."""

AROUND_THE_SEARCH = 0.7
"""Seconds of a refinement that are not its search: landmarks, the end of the last step, two looks."""


@dataclass(frozen=True, eq=False)
class Parent:
    """What one photo told: the latent, the aligned face (256×256×3) it came from, and how the face looks."""

    latent: Latent
    sex: ParentSex
    sex_confidence: float
    age: float
    crop: Pixels
    warnings: list[str]
    timings_ms: dict[str, float]
    age_error: float = 0.0
    """Standard error of `age` in years, as the two estimators see themselves and each other."""


@dataclass(frozen=True, eq=False)
class Child:
    """A drawn child (size×size×3) and everything that is said about it."""

    image: Pixels
    age: float
    estimated_age: float
    sex: str
    mix: float
    seed: int
    genes: dict[str, TraitSource]
    """The gene card: whose each trait is."""
    code: str
    """Repeats this child exactly, with the same parents (see `core.domain.child_code`)."""
    likeness: dict[str, float]
    latent: Latent
    timings_ms: dict[str, float]
    generator: str
    encoder: str
    warnings: list[str]


@dataclass(frozen=True, eq=False)
class InheritedFace:
    """A child's own latent (1, L, D), before any age or sex is given to it, and whose each trait is.

    `own` (128,): what sets its parents apart from others, and it shall show; `skin`: the colours between its parents'.
    """

    latent: Tensor
    genes: dict[str, TraitSource]
    identity_residual: Tensor
    skin: SkinRange


class ChildPipeline:
    """Draws children. Holds nothing between calls but the models, so calls of several threads may overlap."""

    def __init__(
        self,
        models: Models,
        engine: Engine,
        *,
        generator_version: str,
        encoder_version: str,
        safety: SafetyCheck | None = None,
        photo_check: PhotoCheck | None = None,
        open_photo: Callable[[bytes], Photo] = open_photo,
    ) -> None:
        """Without `safety` every photo is taken, whatever it shows; without `photo_check` every drawing is, too.

        Photos are opened in this process, unless `open_photo` is `core.photo.sandbox_client.PhotoProcesses().open`.
        """
        self.models = models
        self.engine = engine
        self.estimator = FaceAnalyzer(engine, models.age_head)
        self.safety = safety
        self.photo_check = photo_check
        self.open_photo = open_photo
        self.threads = torch.get_num_threads()
        self.generator_version = generator_version
        self.encoder_version = encoder_version
        self.ager = Ager(models.ageing)
        self.second_look = models.second_look(engine)

    @classmethod
    def load(
        cls,
        weights: Path,
        *,
        threads: int | None = None,
        nsfw_limit: float | None = None,
        photo_limit: float | None = None,
        open_photo: Callable[[bytes], Photo] = open_photo,
        engine: str = "auto",
    ) -> ChildPipeline:
        """Load everything once; `threads` limits torch's threads for the whole process.

        `nsfw_limit` (0..1) is the score above which a photo is refused; None leaves that check out. `photo_limit` is
        that above which a face counts as drawn, carved or rendered (see `core.face.photo_check`). `engine` is one of
        `core.engines.selection.ENGINES`. MissingWeights names the first that lacks.
        """
        if threads is not None:
            torch.set_num_threads(threads)
        models = Models(weights)
        models.require_files(safety=nsfw_limit is not None)
        running = load_engine(models, engine, threads=threads)  # whose graphs are compiled beside what follows
        _ = models.finder  # here rather than in two threads that open the first two photos
        return cls(
            models,
            running,
            generator_version=f"{GENERATOR_NAME}@{file_sha256(weights / GENERATOR_FILE)[:8]}",
            encoder_version="encoder@" + "+".join(file_sha256(SHIPPED / file)[:8] for file in ENCODING_FILES),
            safety=None if nsfw_limit is None else SafetyCheck(running.nsfw_logits, nsfw_limit),
            photo_check=None if photo_limit is None else PhotoCheck.load(SHIPPED, photo_limit),
            open_photo=open_photo,
        )

    def step_aside(self) -> None:
        """Where the engine has threads of its own, let torch, which does small things beside it, keep to one.

        Threads of torch that wait for the next small thing would take the engine's time. For a whole process.
        """
        if isinstance(self.engine, OpenVinoEngine):
            torch.set_num_threads(1)

    # ---- a parent's photo → a latent -------------------------------------------------------------------------

    def encode(self, photo: bytes, *, face: int | None = None, drawings: bool = False) -> Parent:
        """A photo as it was received → its latent. `face` chooses one of the boxes of an earlier `SeveralFaces`.

        With `drawings` a face is taken that no photograph shows, as well.
        """
        watch = Stopwatch()
        opened = self.open_photo(photo)
        watch.lap("open")
        found = self._safe_face(opened, face)
        watch.lap("detect")
        aligned = align_face(opened.rgb, found)
        watch.lap("align")
        picture = to_tensor(aligned.rgb)
        by_face, pooled = self.estimator.examine(picture)
        seen = combine(by_face, self.models.whole_head.estimate(picture))
        if self.photo_check is not None and not drawings:
            self.photo_check.require(aligned.rgb, pooled)
        watch.lap("estimate")
        w = self.engine.encode(picture)
        watch.lap("encode")
        wanted = self.second_look.looks(picture)
        w = self.second_look.correct(w, wanted)
        watch.lap("second_look")
        descriptor = wanted[:, :DESCRIPTOR]
        pigment = self.models.pigment.estimate(aligned.rgb, aligned.landmarks, descriptor)
        return Parent(
            latent=self._latent(w, descriptor, pigment),
            sex="male" if seen.male >= 0.5 else "female",
            sex_confidence=max(seen.male, 1 - seen.male),
            age=seen.age,
            crop=aligned.rgb,
            warnings=[*aligned.warnings, *(["incomplete"] if opened.lacks else [])],
            timings_ms=watch.laps,
            age_error=seen.error,
        )

    def _safe_face(self, opened: Photo, face: int | None) -> Face:
        """The face that a photo is about. Meanwhile the photo is checked: what is unsafe is refused as such."""
        with ThreadPoolExecutor(1) as beside:
            checked = None if self.safety is None else beside.submit(self.safety.require, opened.rgb)
            try:
                found = self.models.finder.one_face(opened.rgb, choice=face, shrunk=opened.shrunk)
                require_whole_face(opened, found)
                return found
            except NoFace as error:
                if opened.lacks:  # it may be on the part that is missing
                    raise DamagedPhoto(format=opened.format) from error
                raise
            finally:
                if checked is not None:
                    checked.result()

    def average(self, photos: Sequence[Parent]) -> Parent:
        """Several photos of one parent → one parent: what the photos agree on is kept, what only one shows fades.

        The latents' mean is drawn and moved to where it looks as the photos do on average. Crop and warnings are
        those of the photo that is nearest to the others. ValueError without any photo.
        """
        if len(photos) < 2:
            (only,) = photos
            return only
        latents = torch.cat([one.latent.require(self.generator_version).tensor() for one in photos])
        looks = torch.cat([self.second_look.looks(to_tensor(one.crop)) for one in photos])
        wanted = looks.mean(dim=0, keepdim=True)
        w = self.second_look.correct(latents.mean(dim=0, keepdim=True), wanted)
        typical = photos[int((looks - wanted).norm(dim=1).argmin())]
        male = sum(one.sex_confidence if one.sex == "male" else 1 - one.sex_confidence for one in photos) / len(photos)
        return replace(
            typical,
            latent=self._latent(w, wanted[:, :DESCRIPTOR], mean_pigment([one.latent.pigment for one in photos])),
            sex="male" if male >= 0.5 else "female",
            sex_confidence=max(male, 1 - male),
            age=sum(one.age for one in photos) / len(photos),
        )

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
        """Bring a latent nearer to the aligned face (256×256×3) it was encoded from, in about so many `seconds`.

        The search begins at the encoder's own answer unless the latent is one of several photos: from where the second
        look moved it, it ends less near (docs/projection.md). Where time was too short to come nearer than `start`, the
        answer is `start`.
        """
        landmarks, picture = self.models.finder.aligned_landmarks(crop), to_tensor(crop)
        given = begin = start.require(self.generator_version).tensor()
        if not averaged:
            with torch.no_grad():
                begin = self.models.encoder(picture)
        with torch_threads(self.threads):
            result = self.projector().project(
                picture,
                begin,
                mask=landmark_mask(landmarks, crop.shape[0], floor=OUTSIDE_THE_FACE),
                settings=ProjectionSettings(seconds=max(0.0, seconds - AROUND_THE_SEARCH), half=has_bfloat16()),
                progress=progress,
                cancelled=cancelled,
            )
        trim_heap()
        nearest = min((result.latent, given), key=lambda w: self._unlike(w, start))
        return replace(start, w=nearest[0].numpy())

    def projector(self, more_losses: Mapping[str, LossMaker] = NO_MORE) -> Projector:
        """What searches for latents, with losses beside its own."""
        encoder = self.models.encoder
        return Projector(
            self.models.preview,
            self.models.identity,
            w_mean=encoder.w_mean,
            w_scale=encoder.w_scale,
            whole=lambda w: self.engine.draw(w, size=256).faces,
            more_losses=more_losses,
        )

    def _unlike(self, w: Tensor, person: Latent) -> float:
        """Distance of descriptors between the face that W+ (1, L, D) draws and the photo of a latent."""
        return distance(self.estimator.descriptor_of_latent(w)[0].numpy(), person.descriptor)

    # ---- two latents → a child -------------------------------------------------------------------------------

    def make(self, mom: Latent, dad: Latent, spec: ChildSpec, *, progress: Progress | None = None) -> Child:
        """Draw the child of two latents. The same latents and wish give the same child, at every age and size."""
        return self._draw_child(self.inherit(mom, dad, spec), (mom, dad), spec, progress or _silent)

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
        """The same child at several ages; `wish.age` is not used. Raises Cancelled."""
        tell = progress or _silent
        born = self.inherit(mom, dad, spec)
        children = []
        for i, age in enumerate(ages):
            if cancelled is not None and cancelled():
                raise Cancelled()
            children.append(self._draw_child(born, (mom, dad), replace(spec, age=age), _silent))
            tell((i + 1) / len(ages))
        return children

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
        """The same child at several ages, and a film that morphs from each age to the next. Raises Cancelled."""
        tell = progress or _silent
        children = self.grow(mom, dad, spec, ages, progress=lambda part: tell(0.6 * part), cancelled=cancelled)
        stages = [Stage(child.age, child.latent.tensor(), shrink(to_tensor(child.image))) for child in children]
        film = growth_film(
            stages,
            self.engine.preview,
            size=spec.size,
            progress=lambda part: tell(0.6 + 0.4 * part),
            cancelled=cancelled,
        )
        return children, film

    def draw(self, latent: Latent, *, size: int = 1024) -> Pixels:
        """Draw any latent, size×size×3; size 256, 512 or 1024."""
        latent.require(self.generator_version)
        ChildSpec(size=size)  # refuses other sizes
        picture: Pixels = self.engine.draw(latent.tensor(), size=size).pictures[0]
        return picture

    def age_face(self, latent: Latent, *, age: float) -> Latent:
        """The person of a latent at another age."""
        ChildSpec(age=age)  # refuses other ages
        male = bool(self.models.ageing.read(latent.require(self.generator_version).tensor())[1] > 0)
        return replace(latent, w=self.at_age(self.oneself(latent, male=male), age=age, male=male)[0].numpy())

    def change_looks(self, latent: Latent, looks: Mapping[str, float]) -> Latent:
        """The person of a latent smiling, with other hair … (see `core.domain.child_spec.LOOKS`)."""
        spec = ChildSpec(looks=looks)  # refuses other looks
        w = latent.require(self.generator_version).tensor()
        return replace(latent, w=self.models.directions.look(w, spec.looks)[0].numpy())

    # ---- the steps -------------------------------------------------------------------------------------------

    def inherit(self, mom: Latent, dad: Latent, spec: ChildSpec) -> InheritedFace:
        """Draw the child's genes, mix its parents by them, and note what it shall take after."""
        latent, genes = self.mix(mom, dad, spec)
        resemblance = self.models.resemblance
        own = torch.lerp(
            resemblance.identity_residual(torch.from_numpy(mom.descriptor), male=False),
            resemblance.identity_residual(torch.from_numpy(dad.descriptor), male=True),
            spec.mix / 100,
        )
        skin = SkinRange.of_child(mom.pigment, dad.pigment, mix=spec.mix, gene=spec.genes.get("skin"))
        return InheritedFace(latent, genes.card(), own, skin)

    def oneself(self, latent: Latent, *, male: bool) -> InheritedFace:
        """A person as a child who has everything of one parent."""
        own = self.models.resemblance.identity_residual(torch.from_numpy(latent.descriptor), male=male)
        return InheritedFace(latent.tensor(), {}, own, SkinRange.of_child(latent.pigment, latent.pigment, mix=50))

    def mix(self, mom: Latent, dad: Latent, spec: ChildSpec) -> tuple[Tensor, Genes]:
        """What the genes alone make of two parents: a latent (1, L, D), and the genes."""
        directions, mean = self.models.directions, self.models.w_mean
        calm_mom, calm_dad = (self.young_and_calm(parent) for parent in (mom, dad))
        genes = draw_genes(spec.mix, spec.seed, fixed=spec.genes, dominant=dominance(calm_mom, calm_dad, directions))
        mixed = mix_parents(calm_mom, calm_dad, directions=directions, genes=genes)
        # Pieces of two calm faces may add up to half a pair of glasses.
        mixed = directions.remove_transient_attributes(mixed)
        return self.models.naturalness.restrain(mean + TRUNCATION * (mixed - mean)), genes

    @torch.no_grad()
    def young_and_calm(self, parent: Latent) -> Tensor:
        """A parent's latent (1, L, D) without its transient attributes, at YOUNG_ADULT years if older, bare-headed.

        What is inherited is bone and pigment: neither grey hair and wrinkles nor a hat, glasses, make-up or a smile.
        """
        w = self.models.naturalness.restrain(
            self.models.directions.remove_transient_attributes(parent.require(self.generator_version).tensor())
        )
        age, male = self.models.ageing.read(w)
        if age.item() > YOUNG_ADULT:
            w = self.ager.solve(w, age=YOUNG_ADULT, male=male.item() > 0, aim=YOUNG_ADULT)
        return w + self.models.headwear.taking_off(w)

    @torch.no_grad()
    def aged(self, w: Tensor, *, age: float, male: bool, aim: float | None = None) -> Tensor:
        """W+ (1, L, D) of somebody at an age and of a sex, bare-headed and natural. `aim`: see `Ager.solve`."""
        aged = self.ager.solve(w, age=age, male=male, aim=aim)
        bare = w + self.models.headwear.taking_off(aged)
        return self.models.naturalness.restrain(self.ager.solve(bare, age=age, male=male, aim=aim))

    def at_age(self, child: InheritedFace, *, age: float, male: bool) -> Tensor:
        """A child at an age and of a sex, (1, L, D), by the best road that the gate finds (`pass_gate`)."""
        return self.pass_gate(child, age=age, male=male)[0]

    def pass_gate(self, child: InheritedFace, *, age: float, male: bool) -> tuple[Tensor, Verdict]:
        """A child at an age and of a sex, (1, L, D), and what the gate says of it.

        The first road that passes is taken: as asked; asked again for what the estimators missed; without correction,
        which is the most natural and the least like its parents. Where none passes, the best of them is.
        """
        found = [self._judged(self._corrected(child, age=age, aim=age, male=male), age=age, male=male)]
        if found[-1][1].passes:
            return found[-1]
        aim = min(max(age - 0.8 * found[-1][1].years_off, 0.0), OLDEST)
        found.append(self._judged(self._corrected(child, age=age, aim=aim, male=male), age=age, male=male))
        if not found[-1][1].passes:
            found.append(self._judged(self.aged(child.latent, age=age, male=male), age=age, male=male))
        return min(found, key=lambda road: road[1].badness)

    def _corrected(self, child: InheritedFace, *, age: float, aim: float, male: bool) -> Tensor:
        """A child solved for at an age, then corrected by looks at previews towards `aim`, both in years."""
        return self.models.corrector.correct(
            self.aged(child.latent, age=age, male=male),
            own=child.identity_residual,
            age=aim,
            male=male,
            skin=child.skin,
            see=self.estimator.see,
        )

    def _judged(self, w: Tensor, *, age: float, male: bool) -> tuple[Tensor, Verdict]:
        preview = self.engine.preview(w).clamp(-1, 1)
        verdict = judge_child(
            age=age,
            male=male,
            face=self.estimator.estimate(preview),
            whole_head=self.models.whole_head.estimate(preview),
            headwear=self.models.headwear.read(w).item(),
        )
        return w, verdict

    def likeness(self, descriptor: Tensor, mom: Latent, dad: Latent, *, age: float, male: bool) -> dict[str, float]:
        """How much a child, drawn at an age and of a sex, descriptor (128,), takes after each parent, in percent."""
        resemblance = self.models.resemblance
        between = self.models.ageing.between_knots(torch.tensor([age]))[0]
        child = resemblance.residual_when_drawn(descriptor, between, male=male)
        alike = {}
        for who, parent, parent_male in (("mom", mom, False), ("dad", dad, True)):
            apart = resemblance.residual_on_a_photo(torch.from_numpy(parent.descriptor), male=parent_male)
            alike[who] = self.models.likeness.percent(
                child.numpy(), apart.numpy(), child_male=male, parent_male=parent_male
            )
        return alike

    def _draw_child(
        self, born: InheritedFace, parents: tuple[Latent, Latent], spec: ChildSpec, tell: Progress
    ) -> Child:
        watch = Stopwatch()
        sex = sex_of(spec)
        shown = replace(born, latent=self.models.directions.look(born.latent, spec.looks))
        w, verdict = self.pass_gate(shown, age=spec.age, male=sex == "boy")
        watch.lap("age")
        tell(0.3)
        drawn = self.engine.draw(w, size=spec.size)
        watch.lap("draw")
        tell(0.9)
        descriptor, seen = self.estimator.look(drawn.faces)
        estimated = seen.age
        alike = self.likeness(descriptor[0], *parents, age=spec.age, male=sex == "boy")
        latent = self._latent(w, descriptor, Pigment(skin_of_drawing(drawn.faces), np.zeros(3, np.float32)))
        watch.lap("finish")
        tell(1.0)
        return Child(
            image=drawn.pictures[0],
            age=spec.age,
            estimated_age=round(estimated, 1),
            sex=sex,
            mix=spec.mix,
            seed=spec.seed,
            genes=born.genes,
            code=code_of(spec, sex),
            likeness=alike,
            latent=latent,
            timings_ms=watch.laps,
            generator=self.generator_version,
            encoder=self.encoder_version,
            warnings=["age_missed"] * verdict.misses_age + list(verdict.faults),
        )

    def _latent(self, w: Tensor, descriptor: Tensor, pigment: Pigment) -> Latent:
        return Latent(
            w=w[0].numpy(),
            descriptor=descriptor[0].numpy(),
            generator=self.generator_version,
            encoder=self.encoder_version,
            skin=pigment.colour,
            skin_error=pigment.error,
        )


def sex_of(spec: ChildSpec) -> str:
    """Girl or boy: as wished, else by the seed's own coin."""
    return draw_sex(spec.seed) if spec.sex == "surprise" else spec.sex


def _silent(_: float) -> None:
    return None
