"""Trains what `core.resemblance` knows: how drawn children look at every age, and which way to move to change that.

Couples are made up from W, their children mixed and aged as the program does it, drawn as faces and looked at; each one
again after a small move, because a step needs slopes. Most moves are those that the shipped reader proposes: where it
errs is where it is followed. The reader starts from that of `core.second_look`, which learnt from single styles, and
learns the looks of both and their difference. What grown-ups look like in the mean comes from photos.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core.age_estimate import AgeEstimator, to_growth
from core.ageing import KNOTS, AgeModel
from core.generator import STYLES, WIDTH, MobileStyleGAN
from core.identity import IdentityNetwork, identity_chip
from core.latents import Latent
from core.loading import save_weights
from core.pipeline import ChildPipeline
from core.resemblance import RESEMBLANCE_FILE, Resemblance, TakesAfter, style_shares
from core.second_look import DESCRIPTOR, LooksReader
from core.wish import Wish
from training.log import TrainingLog
from training.photos import AlignedPhotos
from training.preview import warm_cosine


@dataclass(frozen=True)
class ResemblanceSettings:
    """What a run is made of."""

    children: int = 14000
    part: int = 1000  # children with one seed, drawn and kept together
    psi: tuple[float, float] = (0.5, 1.0)  # truncation of the made-up parents
    crossed: float = 0.4  # share of parents whose fine styles are another's
    young: float = 0.6  # share of faces below 18
    move: tuple[float, float] = (0.1, 0.5)  # length of the move between two looks, in units of W's spread
    guided: float = 0.6  # share of moves that a reader proposed: it learns from what came of them
    asked: tuple[float, float] = (0.3, 1.5)  # share of what sets another child apart that such a move asks for
    guided_trust: tuple[float, float] = (0.015, 0.05)
    guided_move: tuple[float, float] = (0.1, 0.4)
    grown_ups: tuple[float, float] = (20.0, 60.0)
    ridge: float = 1.0  # faces' worth of pull of a knot's mean towards that of its sex
    batch: int = 64
    noise: float = 0.07  # added to the coordinates
    # "looks" go on from another reader and soon know too much, "years" begin anew.
    epochs: Mapping[str, int] = field(default_factory=lambda: {"looks": 10, "years": 25})
    learning_rate: Mapping[str, float] = field(default_factory=lambda: {"looks": 3e-4, "years": 1e-3})
    weight_decay: Mapping[str, float] = field(default_factory=lambda: {"looks": 0.1, "years": 0.3})
    difference: float = 2.5  # weight of the difference between two looks
    held_back: int = 400
    seed: int = 11  # of the first part


@dataclass(frozen=True)
class Seen:
    """Pairs of looks, one row after the other: styles (N, D), descriptors (N, 128), and each time years and maleness
    (0 … 1), as they were asked for and as the estimator saw them (N, 2)."""

    styles: Tensor
    descriptors: Tensor
    asked: Tensor
    seen: Tensor

    def years(self) -> Tensor:
        """Growth and a third of the logit of male, as they were seen: (N, 2)."""
        sure = self.seen[:, 1].clamp(0.01, 0.99)
        return torch.stack((to_growth(self.seen[:, 0]), torch.logit(sure) / 3), dim=1)


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
    reader: LooksReader,
    folder: Path,
    settings: ResemblanceSettings,
    *,
    progress: Callable[[float], object] | None = None,
) -> Seen:
    """Two looks at each child, one row after the other.

    Children come in parts, each with a seed of its own. `folder` keeps every finished part: a run that was interrupted
    goes on with the next one.
    """
    parts = []
    for first in range(0, settings.children, settings.part):
        seed = settings.seed + first // settings.part
        path = folder / f"children-{seed}.npz"
        few = replace(settings, seed=seed, children=min(settings.part, settings.children - first))
        if not path.is_file():
            save_seen(_looks_of_a_part(pipeline, generator, reader, few), path)
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
def _looks_of_a_part(
    pipeline: ChildPipeline, generator: MobileStyleGAN, reader: LooksReader, settings: ResemblanceSettings
) -> Seen:
    parents = MadeUpParents(generator, pipeline.models.ageing.w_scale.mean().item(), settings)
    chance = np.random.default_rng(settings.seed)
    rows: list[tuple[Tensor, ...]] = []
    for number in range(settings.children):
        latent, age, male = _child(pipeline, parents, chance, settings)
        for moved in (False, True):
            if moved and number and chance.random() < settings.guided:
                other = rows[2 * int(chance.integers(number))][1]
                latent = latent + _proposed(pipeline.models.takes_after, latent, other - rows[-1][1], chance, settings)
            elif moved:
                along = torch.randn(reader.basis.shape[1], generator=parents.rng) * chance.uniform(*settings.move)
                latent = latent + reader.basis @ along
            sight = pipeline.estimator.see(latent)
            style = (latent[0] * style_shares()).sum(dim=0)
            as_asked, as_seen = torch.tensor([age, float(male)]), torch.tensor([sight.age, sight.male])
            rows.append((style, sight.descriptor, as_asked, as_seen))
    return Seen(*(torch.stack(part) for part in zip(*rows, strict=True)))


def _proposed(
    takes_after: TakesAfter, latent: Tensor, apart: Tensor, chance: np.random.Generator, settings: ResemblanceSettings
) -> Tensor:
    """A step (D) of a child's latent towards another's looks, by the shipped reader, trusted more or less.

    Where a reader errs is where it is followed: moves by chance hardly ever come there.
    """
    gap = takes_after.model.lasting(apart) * chance.uniform(*settings.asked)
    return takes_after.towards(
        latent, gap, trust=chance.uniform(*settings.guided_trust), longest=chance.uniform(*settings.guided_move)
    )


def _child(
    pipeline: ChildPipeline, parents: MadeUpParents, chance: np.random.Generator, settings: ResemblanceSettings
) -> tuple[Tensor, float, bool]:
    """A child's latent (1, L, D), as the program would draw it at first, with the age and sex it was asked for."""
    wish = Wish(seed=int(chance.integers(1 << 30)), mix=float(chance.choice([50, 50, 30, 70, 0, 100])))
    version = pipeline.generator_version
    mixed, _ = pipeline.mix(parents.next(version), parents.next(version), wish)
    young = chance.random() < settings.young
    age = float(chance.uniform(0.5, 18) if young else chance.uniform(0, 90))
    male = bool(chance.random() < 0.5)
    return pipeline.ager.solve(mixed, age=age, male=male), age, male


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
    reader: LooksReader,
    ageing: AgeModel,
    folder: Path,
    settings: ResemblanceSettings = ResemblanceSettings(),
) -> Resemblance:
    """Fit the model, its reader starting from another one; leaves a log and `resemblance.safetensors` in `folder`."""
    torch.manual_seed(settings.seed)
    model = Resemblance()
    model.reader.load_state_dict(reader.state_dict())
    model.grown_ups.copy_(grown_ups)
    model.drawn.copy_(mean_descriptors(seen, ageing, settings.ridge))
    at = model.reader.coordinates(seen.styles)
    log = TrainingLog(folder, settings=asdict(settings))
    fit_pairs(
        "looks", model.reader, lambda x: model.reader.read(x)[:, :DESCRIPTOR], at, seen.descriptors, settings, log
    )
    fit_pairs("years", model.years, model.years, at, seen.years(), settings, log)
    save_weights(model, folder / RESEMBLANCE_FILE)
    return model


def fit_pairs(
    name: str,
    network: nn.Module,
    read: Callable[[Tensor], Tensor],
    at: Tensor,
    wanted: Tensor,
    settings: ResemblanceSettings,
    log: TrainingLog,
) -> None:
    """Let a network read what was seen, `wanted` (N, M), from coordinates (N, R); pairs are neighbouring rows."""
    firsts = torch.arange(0, len(at), 2)
    train, check = firsts[: -settings.held_back], firsts[-settings.held_back :]
    per_epoch, epochs = -(-len(train) // settings.batch), settings.epochs[name]
    network.requires_grad_(True)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate[name], weight_decay=settings.weight_decay[name]
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: warm_cosine(step, per_epoch // 2, epochs * per_epoch)
    )
    network.eval()
    log.note(0, **measure_pairs(name, read(at), wanted, check))
    for epoch in range(epochs):
        network.train()
        for rows in train[torch.randperm(len(train))].split(settings.batch):
            loss = pair_loss(read, at, wanted, rows, settings)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        network.eval()
        log.note((epoch + 1) * per_epoch, **measure_pairs(name, read(at), wanted, check))
    network.requires_grad_(False)


def pair_loss(
    read: Callable[[Tensor], Tensor], at: Tensor, wanted: Tensor, firsts: Tensor, settings: ResemblanceSettings
) -> Tensor:
    """Squared error of both looks of pairs, and of what the move between them changed."""
    rows = torch.cat((firsts, firsts + 1))
    off = read(at[rows] + settings.noise * torch.randn(len(rows), at.shape[1])) - wanted[rows]
    before, after = off.chunk(2)
    return off.square().sum(dim=1).mean() + settings.difference * (after - before).square().sum(dim=1).mean()


@torch.no_grad()
def measure_pairs(name: str, read: Tensor, wanted: Tensor, firsts: Tensor) -> dict[str, float]:
    """Shares of the variance of held-back looks, and of the changes between the two of a pair, that are explained."""
    off = read - wanted
    apart = wanted[firsts] - wanted[firsts].mean(dim=0)
    moved = wanted[firsts] - wanted[firsts + 1]
    missed = off[firsts] - off[firsts + 1]
    return {
        f"{name}_explained": 1 - (off[firsts].square().sum() / apart.square().sum()).item(),
        f"{name}_changes_explained": 1 - (missed.square().sum() / moved.square().sum()).item(),
    }
