"""Trains `core.latent.correction`: a network learns to correct children from what its corrections do to their drawings.

Couples are put together from photos of adults, their children mixed and brought to an age as the program does it.
The network looks, takes a step, and is told by gradients through the preview generator and the face recognition network
what the step was worth; from there it looks again (ReStyle, Alaluf et al. 2021).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from core.domain.child_spec import ChildSpec
from core.face.age_estimator import AgeHead, pooled_stages, to_growth
from core.face.recognition import IdentityNetwork, identity_chip
from core.face.skin_tone import cheeks_of
from core.latent.correction import CORRECTION_FILE, Correction, Corrector, Observation, Target, off_colour
from core.latent.headwear import SURELY_BARE
from core.latent.latent import Latent
from core.modeling.weights_io import save_weights
from core.pipeline import ChildPipeline
from core.runtime.cpu import has_bfloat16
from training.losses.photo_gradients import PhotoGradients
from training.trainers.encoder import ahead
from training.trainers.log import TrainingLog, load_checkpoint, save_checkpoint
from training.trainers.preview_head import warm_cosine

B = TypeVar("B", Observation, Target, "Children")


@dataclass(frozen=True)
class CorrectionSettings:
    """What a run is made of."""

    steps: int = 2400
    children: int = 4  # a step
    looks: int = 2  # at each child
    drawn: int = 1500  # parents among so many drawn faces, beside those on photos
    mixes: tuple[float, ...] = (50, 50, 50, 30, 70, 0, 100)
    young: float = 0.6  # share of children below 18
    oldest: float = 80.0
    learning_rate: float = 5e-4
    warmup: int = 100
    weight_decay: float = 0.02
    average: float = 0.99  # decay of the running mean of the weights, which is what ships
    alike: float = 0.5  # share of couples of whom one was chosen for being like the other, as in life
    suitors: int = 12  # among so many
    rivals: int = 24  # other couples that a child could be of; half of them are the likest of a crowd
    crowd: int = 256
    closeness: float = 0.55  # the share of its parents' own that a child shall show
    rest: float = 0.2  # weight of changes of the descriptor that nobody asked for
    likeness: float = 2.0
    kinship: float = 0.08
    kinship_sharp: float = 0.03  # distance of descriptors that makes one couple e times as likely as another
    age: float = 8.0
    second_age: float = 8.0  # the same, as the second estimator sees it
    age_far: float = 0.15  # growth beyond which a miss counts linearly
    sex: float = 0.05
    sex_margin: float = 2.0  # logit
    skin: float = 0.008
    skin_far: float = 6.0  # Lab
    hats: float = 0.02
    length: float = 0.4  # of the mean square of a step
    held_back: int = 48  # children that are looked at again and again
    check_every: int = 150
    seed: int = 31


@dataclass(frozen=True, eq=False)
class Children:
    """Latents (B, L, D) as they are drawn at first, with what they shall show, and couples that they could be of.

    `couples` (B, K, 2, 128): descriptors of moms and dads on their photos, a child's own first. `mix` (B,) in [0, 1].
    """

    latent: Tensor
    target: Target
    couples: Tensor
    mix: Tensor


class Nursery:
    """Children of couples that are put together by chance."""

    def __init__(
        self, pipeline: ChildPipeline, parents: dict[str, list[Latent]], settings: CorrectionSettings, seed: int
    ) -> None:
        self.pipeline, self.settings = pipeline, settings
        self.moms, self.dads = parents["female"], parents["male"]
        self.looks = [torch.from_numpy(np.stack([one.descriptor for one in some])) for some in (self.moms, self.dads)]
        self.unlike_others = [looks - looks.mean(dim=0) for looks in self.looks]
        self.chance = np.random.default_rng(seed)

    def children(self, count: int) -> Children:
        """So many, each of another couple, age and sex."""
        return together([self._child() for _ in range(count)])

    def batches(self) -> Iterator[Children]:
        """Enough for one step of training after the other, without end."""
        while True:
            yield self.children(self.settings.children)

    @torch.no_grad()
    def _child(self) -> Children:
        mom, dad = self._couple()
        spec = ChildSpec(seed=int(self.chance.integers(1 << 30)), mix=float(self.chance.choice(self.settings.mixes)))
        born = self.pipeline.inherit(self.moms[mom], self.dads[dad], spec)
        young = self.chance.random() < self.settings.young
        age = float(self.chance.uniform(0.5, 18) if young else self.chance.uniform(18, self.settings.oldest))
        male = bool(self.chance.random() < 0.5)
        aged = self.pipeline.aged(born.latent, age=age, male=male)
        return Children(
            latent=aged,
            target=Target.of_one(born.identity_residual, age=age, male=male, skin=born.skin),
            couples=self._couples(mom, dad)[None],
            mix=torch.tensor([spec.mix / 100]),
        )

    def _couple(self) -> tuple[int, int]:
        """The numbers of a mom and a dad."""
        mom = int(self.chance.integers(len(self.moms)))
        dads = self.chance.integers(len(self.dads), size=self.settings.suitors)
        if self.chance.random() >= self.settings.alike:
            return mom, int(dads[0])
        of_women, of_men = self.unlike_others
        return mom, int(dads[int((of_men[dads] - of_women[mom]).norm(dim=1).argmin())])

    def _couples(self, mom: int, dad: int) -> Tensor:
        """Descriptors of a couple and of its rivals, none of whom is one of them: (K, 2, 128)."""
        own = torch.stack([looks[one] for looks, one in zip(self.looks, (mom, dad), strict=True)])[None]
        if min(len(looks) for looks in self.looks) == 1:
            return own
        others = torch.stack([self._others(*of) for of in zip(self.looks, (mom, dad), strict=True)], dim=1)
        likest = (others.mean(dim=1) - own.mean(dim=1)).norm(dim=1).argsort()
        half = self.settings.rivals // 2
        return torch.cat((own, others[likest[:half]], others[likest[half:][: self.settings.rivals - half]]))

    def _others(self, looks: Tensor, but: int) -> Tensor:
        """Descriptors of a crowd (N, 128) without one of them."""
        number = self.chance.integers(len(looks) - 1, size=self.settings.crowd)
        return looks[number + (number >= but)]


SecondOpinion = Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]
"""Faces (B, 3, H, H) → age in years (B,), its standard error (B,), logit of male (B,); see `core.face.whole_head`."""


class Judge:
    """What a drawn face shows, differentiably."""

    def __init__(self, identity: IdentityNetwork, head: AgeHead, second: SecondOpinion | None = None) -> None:
        """`second`: another estimator of age, whose opinion is asked for beside the one that the program asks."""
        self.identity, self.head, self.second, self.half = identity, head, second, has_bfloat16()

    def __call__(self, picture: Tensor) -> Observation:
        """A preview (1, 3, 256, 256)."""
        face = picture.clamp(-1, 1)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            stages = self.identity.stages(identity_chip(face))
        stages = [stage.float() for stage in stages]
        age, _, male = self.head(pooled_stages(stages))
        return Observation(self.identity.describe(stages), to_growth(age), male, lab(cheeks_of(face)).mean(dim=1))

    def second_growth(self, picture: Tensor) -> Tensor | None:
        """How grown a preview (1, 3, 256, 256) looks to the second estimator, (1,).

        It sees the picture moved, mirrored, softened and noisy by chance: what only one way of looking at it would
        call young is not young (adversarial examples do not survive this).
        """
        if self.second is None:
            return None
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            age, _, _ = self.second(disturbed(picture.clamp(-1, 1)))
        return to_growth(age.float())


def disturbed(picture: Tensor, *, most: int = 8) -> Tensor:
    """A picture (1, 3, H, W) moved by up to `most` pixels, mirrored, in other light, softened and noisy by chance."""
    down, right = (int(torch.randint(-most, most + 1, ())) for _ in range(2))
    moved = F.pad(picture, (most, most, most, most), mode="replicate").roll((down, right), dims=(2, 3))
    moved = moved[:, :, most:-most, most:-most]
    if torch.rand(()) < 0.5:
        moved = moved.flip(3)
    if torch.rand(()) < 0.5:
        moved = F.avg_pool2d(F.pad(moved, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    gain, tint = 0.85 + 0.3 * torch.rand(()), 0.05 * torch.randn(1, 3, 1, 1)
    return (moved * gain + tint + 0.03 * torch.randn_like(moved)).clamp(-1, 1)


def lab(colours: Tensor) -> Tensor:
    """sRGB (..., 3) in [-1, 1] → CIE Lab (..., 3), differentiably (see `core.face.skin_tone.lab_of`)."""
    share = ((colours + 1) / 2).clamp(1e-4, 1)
    linear = torch.where(share > 0.04045, ((share + 0.055) / 1.055) ** 2.4, share / 12.92)
    to_xyz = torch.tensor([[0.4339, 0.3762, 0.1899], [0.2127, 0.7152, 0.0722], [0.0178, 0.1095, 0.8727]])  # D65 is 1
    xyz = linear @ to_xyz.T
    x, y, z = torch.where(xyz > 0.008856, xyz.clamp(min=1e-6) ** (1 / 3), 7.787 * xyz + 16 / 116).unbind(dim=-1)
    return torch.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), dim=-1)


def picture_losses(
    corrector: Corrector,
    shown: Observation,
    before: Observation,
    children: Children,
    settings: CorrectionSettings,
    second_growth: Tensor | None = None,
) -> dict[str, Tensor]:
    """By what drawings miss their goal, each weighted and summed up. `before`: what the first drawings showed."""
    goal = children.target
    apart, at_first = corrector.apart(shown.descriptor, goal), corrector.apart(before.descriptor, goal)
    norm = goal.identity_residual.norm(dim=1, keepdim=True).clamp(min=1e-3)
    along = goal.identity_residual / norm
    share = (apart * along).sum(dim=1, keepdim=True)
    lacking = (settings.closeness * norm - share).clamp(min=0)
    changed = apart - at_first
    rest = changed - (changed * along).sum(dim=1, keepdim=True) * along
    unclear = F.relu(settings.sex_margin - shown.male * (2 * goal.male - 1)) * goal.shows_sex
    opinions = (shown.growth,) if second_growth is None else (shown.growth, second_growth)
    ages = [F.huber_loss(seen, goal.growth, delta=settings.age_far, reduction="sum") for seen in opinions]
    colour = off_colour(shown.skin, goal.skin)
    skin = F.huber_loss(colour, torch.zeros_like(colour), delta=settings.skin_far, reduction="sum")
    return {
        "likeness": settings.likeness * lacking.square().sum(),
        "kinship": settings.kinship * unlikeliness(shown, children, settings.kinship_sharp),
        "rest": settings.rest * rest.square().sum(),
        "age": settings.age * ages[0],
        "second_age": settings.second_age * torch.stack(ages[1:]).sum() if ages[1:] else torch.zeros(()),
        "sex": settings.sex * unclear.square().sum(),
        "skin": settings.skin * skin,
    }


def unlikeliness(shown: Observation, children: Children, sharp: float) -> Tensor:
    """How unlikely children's own couples are among their rivals, by the distances that a stranger would judge by.

    A cross-entropy, summed up.
    """
    apart = (shown.descriptor[:, None, None] - children.couples).norm(dim=3)
    logits = -torch.lerp(apart[..., 0], apart[..., 1], children.mix[:, None]) / sharp
    return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long), reduction="sum")


class Teacher:
    """Looks at children, lets a corrector take its steps, and tells it what they were worth."""

    def __init__(
        self, corrector: Corrector, pipeline: ChildPipeline, settings: CorrectionSettings, *, compiled: bool = False
    ) -> None:
        """`compiled`: see `PhotoGradients`."""
        self.corrector, self.pipeline, self.settings = corrector, pipeline, settings
        models = pipeline.models
        self.judge = Judge(models.identity, models.age_head, models.whole_head.network)
        self.gradients = PhotoGradients(models.preview, workers=2, whole=True, compiled=compiled)

    def teach(self, children: Children) -> dict[str, float]:
        """Add to the gradients of the network what follows from its steps; returns the mean losses of each look."""
        goal, latent = children.target, children.latent
        first = shown = together(list(self.gradients.pool.map(self._see, latent)))
        told: dict[str, float] = {}
        for look in range(1, self.settings.looks + 1):
            latent, shown = self.corrector.painted(latent, shown, goal)
            along = self.corrector.along(latent, shown, goal)
            moved = self.corrector.moved(latent, along)
            views = [_View(self, one(first, row), one(children, row)) for row in range(len(latent))]
            _, slopes = self.gradients(moved, views)
            hats = F.relu(self.pipeline.models.headwear.read(moved) - SURELY_BARE).square().sum()
            length = along.square().mean(dim=(1, 2))
            extra = self.settings.hats * hats + self.settings.length * length.sum()
            ((moved * slopes).sum() + extra).div(len(latent)).backward()
            for name in views[0].losses:
                told[f"{name}_{look}"] = float(np.mean([view.losses[name] for view in views]))
            told[f"step_{look}"] = length.detach().mean().sqrt().item()
            latent, shown = moved.detach(), together([view.shown for view in views])
        return told

    def _see(self, latent: Tensor) -> Observation:
        return Observation.in_sight(self.pipeline.estimator.see(latent[None]))

    @torch.no_grad()
    def check(self, corrector: Corrector, children: Children) -> dict[str, float]:
        """How near children come, look by look, as the program sees them: the share of their parents' own that they
        show, and what they miss of growth and skin (Lab)."""
        found: dict[str, list[float]] = {}
        for row in range(len(children.latent)):
            child = one(children, row)
            goal, latent = child.target, child.latent
            for look in range(self.settings.looks + 1):
                shown = self._see(latent[0])
                share = (
                    corrector.apart(shown.descriptor, goal) * goal.identity_residual
                ).sum() / goal.identity_residual.square().sum()
                found.setdefault(f"check_share_{look}", []).append(share.item())
                found.setdefault(f"check_growth_{look}", []).append((shown.growth - goal.growth).abs().item())
                found.setdefault(f"check_skin_{look}", []).append(off_colour(shown.skin, goal.skin).norm().item())
                unlikely = unlikeliness(shown, child, self.settings.kinship_sharp)
                found.setdefault(f"check_kinship_{look}", []).append(unlikely.item())
                latent, shown = corrector.painted(latent, shown, goal)
                latent = corrector.moved(latent, corrector.along(latent, shown, goal))
        return {name: float(np.mean(values)) for name, values in found.items()}


class _View:
    """The loss of one drawing, which remembers what it saw."""

    shown: Observation
    losses: dict[str, float]

    def __init__(self, teacher: Teacher, first: Observation, child: Children) -> None:
        self.teacher, self.first, self.child = teacher, first, child

    def __call__(self, cut: Tensor) -> Tensor:
        shown = self.teacher.judge(cut)
        second = self.teacher.judge.second_growth(cut)
        losses = picture_losses(self.teacher.corrector, shown, self.first, self.child, self.teacher.settings, second)
        self.shown = Observation(*(part.detach() for part in vars(shown).values()))
        self.losses = {name: value.item() for name, value in losses.items()}
        return torch.stack(list(losses.values())).sum()


def train_correction(
    pipeline: ChildPipeline,
    parents: dict[str, list[Latent]],
    folder: Path,
    settings: CorrectionSettings = CorrectionSettings(),
    *,
    begin: Correction | None = None,
    compiled: bool = False,
) -> Correction:
    """Run the training, or go on with one that `folder` holds; leaves a log and `correction.safetensors` there.

    `begin`: a network that has learnt already, to be taught further.
    """
    torch.manual_seed(settings.seed)
    models, model = pipeline.models, Correction()
    if begin is not None:
        model.load_state_dict(begin.state_dict())

    def corrector_of(network: nn.Module) -> Corrector:
        return Corrector(
            cast(Correction, network), models.resemblance, models.ageing, models.directions, models.naturalness
        )

    teacher = Teacher(corrector_of(model), pipeline, settings, compiled=compiled)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, betas=(0.9, 0.98)
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: warm_cosine(step, settings.warmup, settings.steps)
    )
    mean = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(settings.average))
    parts = {"model": model, "optimiser": optimiser, "schedule": schedule, "mean": mean}
    log = TrainingLog(folder, settings=asdict(settings), every=25)
    checkpoint = folder / "correction.pt"
    start = load_checkpoint(checkpoint, **parts) if checkpoint.is_file() else 0
    check = Nursery(pipeline, parents, settings, settings.seed).children(settings.held_back)
    nursery = Nursery(pipeline, parents, settings, settings.seed + 1 + start)
    for step, children in zip(range(start + 1, settings.steps + 1), ahead(nursery.batches()), strict=False):
        model.train()
        optimiser.zero_grad()
        losses = teacher.teach(children)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        mean.update_parameters(model)
        log.add(step, **losses)
        if step % settings.check_every == 0 or step == settings.steps:
            log.note(step, **teacher.check(corrector_of(mean.module.eval()), check))
            save_checkpoint(checkpoint, step=step, settings=asdict(settings), **parts)
            save_weights(mean.module, folder / CORRECTION_FILE)
    return cast(Correction, mean.module)


def together(every: Sequence[B]) -> B:
    """Several as one batch."""

    def joined(parts: list[Any]) -> Any:
        return torch.cat(parts) if isinstance(parts[0], Tensor) else together(parts)

    names = [part.name for part in fields(every[0])]
    return replace(every[0], **{name: joined([getattr(some, name) for some in every]) for name in names})


def one(batch: B, row: int) -> B:
    """One row of a batch."""

    def taken(part: Any) -> Any:
        return part[row : row + 1] if isinstance(part, Tensor) else one(part, row)

    return replace(batch, **{part.name: taken(getattr(batch, part.name)) for part in fields(batch)})
