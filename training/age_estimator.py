"""Trains the age head (`core.age_estimate`) on a folder of faces with true ages.

The folder holds pictures and `labels.csv` with columns file, age, sex. Tight crops are welcome: landmarks are fitted
directly, without a detector, and every face is aligned as our photos are. The backbone is frozen, so its features are
computed once and kept beside the run; the head then learns in a minute.
"""

from __future__ import annotations

import csv
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from core.age_estimate import AGE_FILE, AgeHead, pooled_features, to_growth
from core.identity import IdentityNetwork
from core.loading import save_weights
from training.log import TrainingLog
from training.tight import TightAligner

BANDS = ((1, 4), (5, 8), (9, 12), (13, 17), (18, 25), (26, 40), (41, 60), (61, 100))


@dataclass(frozen=True)
class AgeSettings:
    """What a run is made of."""

    epochs: int = 30
    batch: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    held_back: int = 10  # every tenth face
    seed: int = 3


@dataclass(frozen=True)
class LabelledFaces:
    """Features (N, 2, F) of each face and its mirror image, ages (N,) in years, male (N,)."""

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
        for row in rows:
            with Image.open(folder / row["file"]) as picture:
                face = torch.from_numpy(aligner.align(np.asarray(picture.convert("RGB"))).copy())
            face = face.permute(2, 0, 1).float() / 127.5 - 1
            features.append(pooled_features(network, torch.stack([face, face.flip(2)])).half().numpy())
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
    head.mean.copy_(faces.features[train].mean(dim=(0, 1)))
    head.scale.copy_(1 / (faces.features[train].std(dim=(0, 1)) + 1e-3))
    optimiser = torch.optim.AdamW(head.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    weight = balance(faces.age[train])
    steps = settings.epochs * math.ceil(len(train) / settings.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, total_steps=steps)
    for step in range(1, steps + 1):
        pick = train[torch.multinomial(weight, settings.batch, replacement=True)]
        side = torch.randint(0, 2, (len(pick),))
        loss = age_loss(head.each(faces.features[pick, side]), faces.age[pick], faces.male[pick])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        log.add(step, loss=loss.item())
    head.eval()
    log.note(steps, **score(head, faces, check))
    save_weights(head, folder / AGE_FILE)
    return head


def balance(age: Tensor) -> Tensor:
    """Chances that even out the ages: the rarer a band of growth, the more often each of its faces is drawn."""
    bins = (to_growth(age) * 10).long()
    return torch.bincount(bins).float()[bins] ** -0.8


def age_loss(answers: Tensor, age: Tensor, male: Tensor) -> Tensor:
    """Laplace likelihood of the growth (its median is what is learnt) and cross entropy of the sex (M, B, 3)."""
    growth, spread, logit = answers.unbind(dim=2)
    spread = F.softplus(spread) + 1e-3
    error = (growth - to_growth(age)).abs()
    # Below three years even people cannot tell the sex.
    known = (age >= 3).float()
    sex = F.binary_cross_entropy_with_logits(logit, male.expand_as(logit), reduction="none") * known
    return (error / spread + spread.log()).mean() + 2 * error.mean() + 0.5 * sex.mean()


@torch.inference_mode()
def score(head: AgeHead, faces: LabelledFaces, rows: Tensor) -> dict[str, float]:
    """Mean absolute error and bias by age band, and the share of right sexes from four years on."""
    both = [head(faces.features[rows, side]) for side in (0, 1)]
    age = (both[0][0] + both[1][0]) / 2
    male = both[0][2] + both[1][2] > 0
    true = faces.age[rows]
    error = age - true
    scores = {}
    for low, high in BANDS:
        band = (true >= low) & (true <= high)
        if band.any():
            scores[f"mae_{low}_{high}"] = error[band].abs().mean().item()
            scores[f"bias_{low}_{high}"] = error[band].mean().item()
    young = (true >= 1) & (true <= 12)
    scores["mae_1_12"] = error[young].abs().mean().item()
    scores["mae_13_up"] = error[true >= 13].abs().mean().item()
    scores["sex"] = (male == (faces.male[rows] > 0.5))[true >= 4].float().mean().item()
    return scores
