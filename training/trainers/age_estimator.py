"""Trains the age head (`core.face.age_estimator`) on faces whose ages are known (`training.data.age_faces`).

Photos teach what people look like; photos that were encoded and drawn again, which keep their age, teach what our
drawings of them look like: an estimator that knows photos alone takes drawn adults for children. The backbone is
frozen, so its features are computed once and kept beside the run. Each member of the head learns from all but one part
of the faces; what it says of that part calibrates ages and uncertainties (`training.trainers.age_calibration`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.face.age_estimator import AGE_FILE, YEARS, AgeHead
from core.modeling.weights_io import save_weights
from training.data.age_faces import AgedFace, FaceReader, Part
from training.data.augment import spoil
from training.trainers.age_calibration import BANDS, fit_calibration
from training.trainers.log import TrainingLog

SPOILT = 2
"""How often each face is seen mirrored and spoilt, besides as it is."""


@dataclass(frozen=True)
class AgeSettings:
    """What a run is made of."""

    epochs: int = 20
    batch: int = 128
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.1
    balance: float = 0.5  # 0: faces as they come; 1: every age as often as any other
    source_weights: Mapping[str, float] = field(default_factory=lambda: {"ffhq": 0.3, "ffhq-redrawn": 0.3})
    seed: int = 3


@dataclass(frozen=True)
class AgeLabels:
    """What is known of N faces: years `low` … `high` (N,), male (N,) or NaN, their sources and parts."""

    low: Tensor
    high: Tensor
    male: Tensor
    source: Sequence[str]
    part: Sequence[Part]

    @classmethod
    def of(cls, faces: Sequence[AgedFace]) -> AgeLabels:
        """The labels of faces."""
        numbers = torch.tensor([(face.low, face.high, face.male) for face in faces]).reshape(-1, 3).float()
        low, high, male = numbers.unbind(1)
        return cls(low, high, male, [face.source for face in faces], [face.part for face in faces])

    @property
    def age(self) -> Tensor:
        """The middle of what is known (N,)."""
        return (self.low + self.high) / 2

    @property
    def is_exact(self) -> Tensor:
        """Which ages are known to the year (N,)."""
        return self.low == self.high

    def rows(self, part: Part) -> Tensor:
        """Indices of the faces of a part."""
        return torch.tensor([row for row, own in enumerate(self.part) if own == part], dtype=torch.long)

    def pick(self, rows: Tensor) -> AgeLabels:
        """The labels of some of the faces."""
        low, high, male = (values[rows] for values in (self.low, self.high, self.male))
        return AgeLabels(low, high, male, [self.source[i] for i in rows], [self.part[i] for i in rows])

    def chances(self, settings: AgeSettings) -> Tensor:
        """How likely each face is drawn for a step: ages evened out, sources weighted (N,)."""
        weights = torch.tensor([settings.source_weights.get(source, 1.0) for source in self.source])
        return balance(self.age, settings.balance) * weights


@dataclass(frozen=True)
class LabelledFaces:
    """Features (N, V, F) of each face, as it is and then mirrored and spoilt, and what is known of it."""

    features: Tensor
    labels: AgeLabels


@torch.inference_mode()
def read_faces(
    faces: Sequence[AgedFace],
    reader: FaceReader,
    describe: Callable[[Tensor], Tensor],
    cache: Path,
    report: Callable[[int, int], None] | None = None,
) -> LabelledFaces:
    """Open every face, compute its features, and keep them in `cache` for the next run on the same faces.

    `describe`: faces (B, 3, H, H) in [-1, 1] → features (B, F).
    """
    names = np.array([f"{face.source}/{face.path.name}" for face in faces])
    if not _holds(cache, names):
        features = []
        rng = torch.Generator().manual_seed(1)
        for index, aged in enumerate(faces):
            face = torch.from_numpy(reader.read(aged)).permute(2, 0, 1).float() / 127.5 - 1
            views = torch.stack([face, *(spoil(face, rng=rng).flip(2) for _ in range(SPOILT))])
            features.append(describe(views).half().numpy())
            if report is not None:
                report(index + 1, len(faces))
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(cache, features=np.stack(features), names=names)
    with np.load(cache, allow_pickle=False) as arrays:
        return LabelledFaces(torch.from_numpy(arrays["features"]).float(), AgeLabels.of(faces))


def _holds(cache: Path, names: np.ndarray) -> bool:
    """Whether the cache is that of exactly these faces."""
    if not cache.is_file():
        return False
    with np.load(cache, allow_pickle=False) as arrays:
        return np.array_equal(arrays["names"], names)


def train_age_head(
    faces: LabelledFaces,
    folder: Path,
    settings: AgeSettings = AgeSettings(),
    *,
    head: AgeHead | None = None,
    file: str = AGE_FILE,
) -> AgeHead:
    """Train on faces that teach, score those that report, leave the weights (`file`) and a log in `folder`.

    `head`: an untrained one for other features than those of `core.face.age_estimator`.
    """
    torch.manual_seed(settings.seed)
    log = TrainingLog(
        folder, settings={**asdict(settings), "source_weights": dict(settings.source_weights)}, every=1000
    )
    rows = faces.labels.rows("teach")
    features, labels = faces.features[rows], faces.labels.pick(rows)
    head = AgeHead() if head is None else head
    describe_features(head, features)
    with torch.inference_mode():
        reduced = torch.stack([head.reduced(view) for view in features.unbind(1)], dim=1)
    reduced = reduced.clone()
    chances, logits = torch.zeros(len(rows), YEARS), torch.zeros(len(rows))
    group = torch.randperm(len(rows)) % len(head.members)
    for part, member in enumerate(head.members):
        left_out = group == part
        learnt = torch.nonzero(~left_out)[:, 0]
        train_member(member, reduced[learnt], labels.pick(learnt), settings, log)
        with torch.inference_mode():
            answers = member(reduced[left_out, 0])
        chances[left_out], logits[left_out] = answers[:, :YEARS].softmax(dim=1), answers[:, YEARS]
    exact = labels.is_exact
    fit_calibration(head, chances[exact], labels.age[exact])
    log_scores(log, 0, head.calibrate(*head.moments(chances), logits), labels, prefix="left_out_")
    rows = faces.labels.rows("report")
    with torch.inference_mode():
        log_scores(log, settings.epochs, head(faces.features[rows, 0]), faces.labels.pick(rows))
    save_weights(head, folder / file)
    return head


def log_scores(
    log: TrainingLog, step: int, told: tuple[Tensor, Tensor, Tensor], labels: AgeLabels, prefix: str = ""
) -> None:
    """A line for each source whose ages are known to the year, and one for all of them together."""
    age, error, male = told
    exact = labels.is_exact
    for source in [*sorted(set(labels.source)), ""]:
        own = exact & torch.tensor([not source or other == source for other in labels.source], dtype=torch.bool)
        if own.any():
            name = f"{prefix}{source}_" if source else prefix
            log.note(step, **tell(age[own], error[own], male[own], labels.age[own], labels.male[own], prefix=name))


@torch.inference_mode()
def describe_features(head: AgeHead, features: Tensor) -> None:
    """Mean, scale and principal directions of features (N, 2, F); weak directions are strengthened, but not fully."""
    flat = features.flatten(0, 1)
    head.mean.copy_(flat.mean(dim=0))
    head.scale.copy_(1 / (flat.std(dim=0) + 1e-3))
    parts = ((flat - head.mean) * head.scale).split(head.sizes, dim=1)
    for module, part in zip(head.reduce, parts, strict=True):
        reduce = cast(nn.Linear, module)
        strength, directions = torch.linalg.eigh(part.T @ part / len(part))
        kept = reduce.weight.shape[0]
        strength, directions = strength.flip(0)[:kept], directions.flip(1)[:, :kept]
        reduce.weight.copy_((directions / (strength + 0.02 * strength.mean()).clamp(min=1e-6) ** 0.35).T)


def train_member(
    member: nn.Module, reduced: Tensor, labels: AgeLabels, settings: AgeSettings, log: TrainingLog
) -> None:
    """One network on reduced features (N, V, R) and what is known of the faces."""
    member.train()
    optimiser = torch.optim.AdamW(
        member.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    weight = labels.chances(settings)
    steps = settings.epochs * math.ceil(len(weight) / settings.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, total_steps=steps)
    for step in range(1, steps + 1):
        pick = torch.multinomial(weight, settings.batch, replacement=True)
        view = torch.randint(0, reduced.shape[1], (len(pick),))
        loss = age_loss(member(reduced[pick, view]), labels.low[pick], labels.high[pick], labels.male[pick])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        log.add(step, loss=loss.item())
    member.eval()


def balance(age: Tensor, power: float) -> Tensor:
    """Chances that even out the ages, in bins of a year for children and of several for the old."""
    bins = (age**0.6 * 3).long()
    return torch.bincount(bins).float()[bins] ** -power


def age_loss(answers: Tensor, low: Tensor, high: Tensor, male: Tensor) -> Tensor:
    """Cross entropy with a bell of years around the true one, error of the expected year, and the sex. (B, 102).

    Where a band of years `low` … `high` is known (B,), the bell is flat within it and the error begins at its ends.
    """
    years = torch.arange(YEARS).float()
    low, high = low.clamp(max=YEARS - 1), high.clamp(max=YEARS - 1)
    logs = F.log_softmax(answers[:, :YEARS], dim=1)
    beyond = F.relu(low[:, None] - years) + F.relu(years - high[:, None])
    # A year is a step for a child; of the old even people only tell the decade.
    bell = torch.exp(-0.5 * (beyond / (0.7 + 0.03 * (low + high)[:, None])).square())
    # A band is as likely at one of its years as at another: what lies within it is not told apart.
    single = low == high
    nearby = -(bell / bell.sum(dim=1, keepdim=True) * logs).sum(dim=1)
    within = -torch.logsumexp(logs + bell.clamp(min=1e-9).log(), dim=1)
    expected = logs.exp() @ years
    off = expected - torch.minimum(torch.maximum(expected, low), high)
    error = F.smooth_l1_loss(off * 3 / (3 + 0.125 * (low + high)), torch.zeros_like(off), reduction="none")
    # Below three years even people cannot tell the sex.
    counts = (low >= 3) & ~male.isnan()
    sex = F.binary_cross_entropy_with_logits(answers[:, YEARS], male.nan_to_num(), reduction="none") * counts
    return (torch.where(single, nearby, within) + error + 0.5 * sex).mean()


def tell(
    age: Tensor, error: Tensor, male: Tensor, true_age: Tensor, true_male: Tensor, prefix: str = ""
) -> dict[str, float]:
    """Mean absolute error, bias, and how often the true age lies within one and two standard errors, by age band."""
    scores = {}
    off = age - true_age
    for low, high in BANDS:
        band = (true_age >= low) & (true_age <= high)
        if band.any():
            name = f"{prefix}{low}_{high}_"
            scores[name + "mae"] = off[band].abs().mean().item()
            scores[name + "bias"] = off[band].mean().item()
            scores[name + "within_1"] = (off.abs() <= error)[band].float().mean().item()
            scores[name + "within_2"] = (off.abs() <= 2 * error)[band].float().mean().item()
    groups = {"mae_1_12": (true_age >= 1) & (true_age <= 12), "mae_13_up": true_age >= 13}
    scores |= {prefix + name: off[group].abs().mean().item() for name, group in groups.items() if group.any()}
    told = (true_age >= 4) & ~true_male.isnan()
    if told.any():
        scores[prefix + "sex"] = ((male > 0) == (true_male > 0.5))[told].float().mean().item()
    return scores
