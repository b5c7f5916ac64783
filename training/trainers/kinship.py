"""Measures what `core.latent.kinship` knows: the mean looks of adults on photos, and of drawn faces at every age.

Couples are put together from made-up people, their children mixed and brought to an age as the program does it, drawn
as previews and looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.domain.child_spec import ChildSpec
from core.face.age_estimator import AgeEstimator
from core.face.recognition import IdentityNetwork, identity_chip
from core.latent.age_editing import KNOTS, AgeModel
from core.latent.feedback import DESCRIPTOR
from core.latent.kinship import RESEMBLANCE_FILE, Resemblance
from core.latent.latent import Latent
from core.modeling.generator import STYLES, WIDTH, MobileStyleGAN
from core.modeling.weights_io import save_weights
from core.pipeline import ChildPipeline
from training.data.photos import AlignedPhotos
from training.trainers.log import TrainingLog


@dataclass(frozen=True)
class ResemblanceSettings:
    """What a run is made of."""

    children: int = 2000
    part: int = 500  # children with one seed, drawn and kept together
    psi: tuple[float, float] = (0.5, 1.0)  # truncation of the made-up parents
    crossed: float = 0.4  # share of parents whose fine styles are another's
    young: float = 0.6  # share of faces below 18
    grown_ups: tuple[float, float] = (20.0, 60.0)
    ridge: float = 1.0  # faces' worth of pull of a knot's mean towards that of its sex
    seed: int = 11  # of the first part


@dataclass(frozen=True)
class Seen:
    """Looks at children: descriptors (N, 128), and the years and maleness (0 or 1) that were asked for (N, 2)."""

    descriptors: Tensor
    asked: Tensor


NAMES = tuple(part.name for part in fields(Seen))


class MadeUpParents:
    """People who do not exist, as latents."""

    def __init__(self, generator: MobileStyleGAN, spread: float, settings: ResemblanceSettings) -> None:
        self.generator, self.spread, self.settings = generator, spread, settings
        self.rng = torch.Generator().manual_seed(settings.seed)

    def next(self, version: str) -> Latent:
        """Another one, for a generator of that version."""
        low, high = self.settings.psi
        psi = low + (high - low) * torch.rand(1, generator=self.rng)
        mean = self.generator.w_mean
        styles = mean + psi * (self.generator.mapping(torch.randn(2, WIDTH, generator=self.rng)) - mean)
        w = styles[0].expand(STYLES, WIDTH).clone()
        if float(torch.rand(1, generator=self.rng)) < self.settings.crossed:
            w[int(torch.randint(3, 18, (1,), generator=self.rng)) :] = styles[1]
        w = w + 0.045 * self.spread * torch.randn(STYLES, WIDTH, generator=self.rng)  # an encoder's styles never agree
        return Latent(w.numpy(), np.zeros(DESCRIPTOR, np.float32), version, "made up")


def look_at_children(
    pipeline: ChildPipeline,
    generator: MobileStyleGAN,
    folder: Path,
    settings: ResemblanceSettings,
    *,
    progress: Callable[[float], object] | None = None,
) -> Seen:
    """A look at each child.

    Children come in parts, each with a seed of its own. `folder` keeps every finished part: a run that was interrupted
    goes on with the next one.
    """
    parts = []
    for first in range(0, settings.children, settings.part):
        seed = settings.seed + first // settings.part
        path = folder / f"children-{seed}.npz"
        few = replace(settings, seed=seed, children=min(settings.part, settings.children - first))
        if not path.is_file():
            save_seen(_looks_of_a_part(pipeline, generator, few), path)
        parts.append(read_seen(path))
        if progress is not None:
            progress((first + few.children) / settings.children)
    return Seen(*(torch.cat([getattr(part, name) for part in parts]) for name in NAMES))


def save_seen(seen: Seen, path: Path) -> None:
    """All of it or nothing, as a file of numpy's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new.npz")
    np.savez(fresh, **{name: getattr(seen, name).numpy() for name in NAMES})
    fresh.replace(path)


def read_seen(path: Path) -> Seen:
    """What `save_seen` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        return Seen(*(torch.from_numpy(arrays[name]) for name in NAMES))


@torch.inference_mode()
def _looks_of_a_part(pipeline: ChildPipeline, generator: MobileStyleGAN, settings: ResemblanceSettings) -> Seen:
    parents = MadeUpParents(generator, pipeline.models.ageing.w_scale.mean().item(), settings)
    chance = np.random.default_rng(settings.seed)
    looks, asked = [], []
    for _ in range(settings.children):
        latent, age, male = _child(pipeline, parents, chance, settings)
        looks.append(pipeline.estimator.see(latent).descriptor)
        asked.append((age, float(male)))
    return Seen(torch.stack(looks), torch.tensor(asked))


def _child(
    pipeline: ChildPipeline, parents: MadeUpParents, chance: np.random.Generator, settings: ResemblanceSettings
) -> tuple[Tensor, float, bool]:
    """A child's latent (1, L, D), as the program would draw it at first, with the age and sex it was asked for."""
    spec = ChildSpec(seed=int(chance.integers(1 << 30)), mix=float(chance.choice([50, 50, 30, 70, 0, 100])))
    version = pipeline.generator_version
    mixed, _ = pipeline.mix(parents.next(version), parents.next(version), spec)
    young = chance.random() < settings.young
    age = float(chance.uniform(0.5, 18) if young else chance.uniform(0, 90))
    male = bool(chance.random() < 0.5)
    return pipeline.aged(mixed, age=age, male=male), age, male


@torch.inference_mode()
def look_at_grown_ups(
    photos: AlignedPhotos, identity: IdentityNetwork, estimator: AgeEstimator, settings: ResemblanceSettings
) -> Tensor:
    """Mean descriptors (2, 128) of the women and men among aligned photos."""
    found: dict[bool, list[Tensor]] = {False: [], True: []}
    low, high = settings.grown_ups
    for row in range(len(photos)):
        face = photos.picture(row)[None]
        looks = estimator.estimate(face)
        if low <= looks.age <= high:
            found[looks.male >= 0.5].append(identity(identity_chip(face))[0])
    return torch.stack([torch.stack(found[male]).mean(dim=0) for male in (False, True)])


def mean_descriptors(seen: Seen, ageing: AgeModel, ridge: float) -> Tensor:
    """Mean descriptors (2, K, 128) at the knots of the ages, by ridge regression within each sex."""
    means = []
    for male in (0.0, 1.0):
        rows = seen.asked[:, 1] == male
        weights, looks = ageing.between_knots(seen.asked[rows, 0]), seen.descriptors[rows]
        middle = looks.mean(dim=0)
        pull = weights.T @ weights + ridge * torch.eye(len(KNOTS))
        means.append(middle + torch.linalg.solve(pull, weights.T @ (looks - middle)))
    return torch.stack(means)


def train_resemblance(
    seen: Seen,
    grown_ups: Tensor,
    ageing: AgeModel,
    folder: Path,
    settings: ResemblanceSettings = ResemblanceSettings(),
) -> Resemblance:
    """Put the means together; leaves a log and `resemblance.safetensors` in `folder`."""
    model = Resemblance()
    model.grown_ups.copy_(grown_ups)
    model.drawn.copy_(mean_descriptors(seen, ageing, settings.ridge))
    left = seen.descriptors - torch.stack(
        [
            weights @ model.drawn[int(male)]
            for weights, male in zip(ageing.between_knots(seen.asked[:, 0]), seen.asked[:, 1], strict=True)
        ]
    )
    spread = seen.descriptors - seen.descriptors.mean(dim=0)
    TrainingLog(folder, settings=asdict(settings)).note(
        0, explained_by_age_and_sex=1 - (left.square().sum() / spread.square().sum()).item()
    )
    save_weights(model, folder / RESEMBLANCE_FILE)
    return model
