"""Trains the age head (`core.age_estimate`) on a folder of faces with true ages.

The folder holds pictures and `labels.csv` with columns file, age, sex. Tight crops are welcome: landmarks are fitted
directly, without a detector, and every face is aligned as our photos are. The backbone is frozen, so its features are
computed once and kept beside the run. Each member of the head then learns from all but one part of the faces; what it
says of that part calibrates ages and uncertainties (`training.age_calibration`).
"""

from __future__ import annotations

import csv
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from core.age_estimate import AGE_FILE, SIZES, YEARS, AgeHead, pooled_features
from core.identity import IdentityNetwork
from core.loading import save_weights
from training.age_calibration import BANDS, fit_calibration
from training.augment import spoil
from training.log import TrainingLog
from training.tight import TightAligner


@dataclass(frozen=True)
class AgeSettings:
    """What a run is made of."""

    epochs: int = 20
    batch: int = 128
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.1
    balance: float = 0.5  # 0: faces as they come; 1: every age as often as any other
    held_back: int = 10  # every tenth face
    seed: int = 3


@dataclass(frozen=True)
class LabelledFaces:
    """Features (N, 2, F) of each face, as it is and mirrored and spoilt; ages (N,) in years, male (N,)."""

    features: Tensor
    age: Tensor
    male: Tensor


@torch.inference_mode()
def read_faces(folder: Path, aligner: TightAligner, network: IdentityNetwork, cache: Path) -> LabelledFaces:
    """Align every face, compute its features, and keep them in `cache` for the next run."""
    if not cache.is_file():
        with (folder / "labels.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        features = []
        rng = torch.Generator().manual_seed(1)
        for row in rows:
            with Image.open(folder / row["file"]) as picture:
                pixels = aligner.align(np.asarray(picture.convert("RGB"))).copy()
            face = torch.from_numpy(pixels).permute(2, 0, 1).float() / 127.5 - 1
            both = torch.stack([face, spoil(face, rng=rng).flip(2)])
            features.append(pooled_features(network, both).half().numpy())
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(
            cache,
            features=np.stack(features),
            age=np.array([float(row["age"]) for row in rows], np.float32),
            male=np.array([row["sex"] == "male" for row in rows], np.float32),
        )
    with np.load(cache, allow_pickle=False) as arrays:
        return LabelledFaces(*(torch.from_numpy(arrays[name]).float() for name in ("features", "age", "male")))


def train_age_head(faces: LabelledFaces, folder: Path, settings: AgeSettings = AgeSettings()) -> AgeHead:
    """Train on nine tenths, score the last tenth, and leave `age_estimate.safetensors` and a log in `folder`."""
    torch.manual_seed(settings.seed)
    log = TrainingLog(folder, settings=asdict(settings), every=1000)
    order = torch.randperm(len(faces.age))
    check, train = order[:: settings.held_back], order[torch.arange(len(order)) % settings.held_back != 0]
    head = AgeHead()
    describe_features(head, faces.features[train])
    with torch.inference_mode():
        reduced = torch.stack([head.reduced(faces.features[:, side]) for side in (0, 1)], dim=1)
    reduced = reduced.clone()
    chances, logits = torch.zeros(len(train), YEARS), torch.zeros(len(train))
    members = len(head.members)
    for part, member in enumerate(head.members):
        left_out = torch.arange(len(train)) % members == part
        rows = train[~left_out]
        train_member(member, reduced[rows], faces.age[rows], faces.male[rows], settings, log)
        with torch.inference_mode():
            answers = member(reduced[train[left_out], 0])
        chances[left_out], logits[left_out] = answers[:, :YEARS].softmax(dim=1), answers[:, YEARS]
    fit_calibration(head, chances, faces.age[train])
    age, error, male = head.calibrate(*head.moments(chances), logits)
    log.note(0, **tell(age, error, male, faces.age[train], faces.male[train], prefix="left_out_"))
    with torch.inference_mode():
        age, error, male = head(faces.features[check, 0])
    log.note(settings.epochs, **tell(age, error, male, faces.age[check], faces.male[check]))
    save_weights(head, folder / AGE_FILE)
    return head


@torch.inference_mode()
def describe_features(head: AgeHead, features: Tensor) -> None:
    """Mean, scale and principal directions of features (N, 2, F); weak directions are strengthened, but not fully."""
    flat = features.flatten(0, 1)
    head.mean.copy_(flat.mean(dim=0))
    head.scale.copy_(1 / (flat.std(dim=0) + 1e-3))
    parts = ((flat - head.mean) * head.scale).split(SIZES, dim=1)
    for module, part in zip(head.reduce, parts, strict=True):
        reduce = cast(nn.Linear, module)
        strength, directions = torch.linalg.eigh(part.T @ part / len(part))
        kept = reduce.weight.shape[0]
        strength, directions = strength.flip(0)[:kept], directions.flip(1)[:, :kept]
        reduce.weight.copy_((directions / (strength + 0.02 * strength.mean()).clamp(min=1e-6) ** 0.35).T)


def train_member(
    member: nn.Module, reduced: Tensor, age: Tensor, male: Tensor, settings: AgeSettings, log: TrainingLog
) -> None:
    """One network on reduced features (N, 2, R), ages (N,) and sexes (N,)."""
    member.train()
    optimiser = torch.optim.AdamW(
        member.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    weight = balance(age, settings.balance)
    steps = settings.epochs * math.ceil(len(age) / settings.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, total_steps=steps)
    for step in range(1, steps + 1):
        pick = torch.multinomial(weight, settings.batch, replacement=True)
        side = torch.randint(0, 2, (len(pick),))
        loss = age_loss(member(reduced[pick, side]), age[pick], male[pick])
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


def age_loss(answers: Tensor, age: Tensor, male: Tensor) -> Tensor:
    """Cross entropy with a bell of years around the true one, error of the expected year, and the sex. (B, 102)."""
    years = torch.arange(YEARS).float()
    age = age.clamp(max=YEARS - 1)
    logs = F.log_softmax(answers[:, :YEARS], dim=1)
    # A year is a step for a child; of the old even people only tell the decade.
    bell = torch.exp(-0.5 * ((years - age[:, None]) / (0.7 + 0.06 * age[:, None])).square())
    likelihood = -(bell / bell.sum(dim=1, keepdim=True) * logs).sum(dim=1)
    scale = 3 / (3 + 0.25 * age)
    error = F.smooth_l1_loss(logs.exp() @ years * scale, age * scale, reduction="none")
    # Below three years even people cannot tell the sex.
    sex = F.binary_cross_entropy_with_logits(answers[:, YEARS], male, reduction="none") * (age >= 3)
    return (likelihood + error + 0.5 * sex).mean()


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
    young, older = (true_age >= 1) & (true_age <= 12), true_age >= 13
    scores[prefix + "mae_1_12"] = off[young].abs().mean().item()
    scores[prefix + "mae_13_up"] = off[older].abs().mean().item()
    right = (male > 0) == (true_male > 0.5)
    scores[prefix + "sex"] = right[true_age >= 4].float().mean().item()
    return scores
