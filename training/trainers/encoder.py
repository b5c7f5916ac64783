"""Trains the encoder (`core.modeling.encoder`): first on latents, then on pictures.

Stage one knows the answer: drawn pictures, spoilt as phones spoil them, and the latents they were drawn from.
Stage two adds real photos, whose latents nobody knows: there the reconstruction, drawn by the preview generator, must
look like the photo (pixels, face features, identity), while the drawn pairs keep the latents where they can be edited.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from core.face.recognition import IdentityNetwork, identity_chip
from core.latent.losses import face_mask, weighted_loss
from core.modeling.encoder import ENCODER_FILE, Encoder, load_encoder
from core.modeling.face_preview import paste
from core.modeling.preview_head import PreviewGenerator
from core.modeling.weights_io import save_weights
from training.data.augment import spoil
from training.data.drawn_pairs import DrawnPairs, endless
from training.data.photos import AlignedPhotos
from training.losses.photo_gradients import PhotoGradients, PictureLoss
from training.trainers.log import TrainingLog, load_checkpoint, save_checkpoint
from training.trainers.preview_head import warm_cosine

T = TypeVar("T")
N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True)
class LatentStage:
    """Stage one: latents of drawn pairs."""

    steps: int = 2500
    batch: int = 16  # beyond this a CPU is no faster per picture
    learning_rate: float = 1e-3
    backbone_rate: float = 0.3  # the backbone knows faces already
    warmup: int = 100
    weight_decay: float = 0.02
    held_back: int = 300
    seed: int = 2


def _picture_weights() -> Mapping[str, float]:
    return {"log-cosh": 0.2, "colour": 2.0, "face-features": 2.0, "identity": 1.5}


@dataclass(frozen=True)
class PictureStage:
    """Stage two: real photos by their pictures, drawn ones by their latents."""

    steps: int = 6000
    photos: int = 4  # a step; through the generator each costs five times what a latent does
    drawn: int = 8
    learning_rate: float = 3e-4
    backbone_rate: float = 0.5
    warmup: int = 100
    weight_decay: float = 0.02
    latent_weight: float = 1.0
    average: float = (
        0.995  # decay of the running mean of the weights, which is what ships: four photos a step are noisy
    )
    near_w: float = 0.05  # weight of the spread between style inputs (e4e's delta loss)
    typical: float = 0.02  # weight of the squared distance from W's mean beyond what is usual
    spoilt: float = 0.6  # how often photos are damaged, beside drawn pictures
    held_back: int = 300
    held_back_photos: int = 50
    seed: int = 4
    workers: int = 2
    compiled: bool = False
    weights: Mapping[str, float] = field(default_factory=_picture_weights)


@dataclass(frozen=True)
class PictureBatch:
    """Drawn pictures with their latents, and photos: as they are, spoilt, and how much detail each holds."""

    faces: Tensor  # (B, 3, 256, 256)
    latents: Tensor  # (B, L, D)
    targets: Tensor  # (P, 3, 256, 256)
    spoilt: Tensor  # (P, 3, 256, 256)
    detail: list[int]


def picture_batches(
    pairs: DrawnPairs, photos: Sequence[AlignedPhotos], settings: PictureStage, rng: torch.Generator
) -> Iterator[PictureBatch]:
    """Batches without end: drawn rows at random, the folders of photos in turn."""
    rows = endless(pairs.split(settings.held_back)[0], generator=rng)
    held = settings.held_back_photos
    photo_rows = [endless(torch.arange(len(p) - (held if i == 0 else 0)), generator=rng) for i, p in enumerate(photos)]
    turn = itertools.cycle(range(len(photos)))
    while True:
        batch = torch.tensor([next(rows) for _ in range(settings.drawn)])
        targets, detail = [], []
        for number in itertools.islice(turn, settings.photos):
            target = photos[number].picture(next(photo_rows[number]))
            targets.append(target.flip(2) if torch.rand((), generator=rng) < 0.5 else target)
            detail.append(photos[number].detail)
        yield PictureBatch(
            faces=torch.stack([spoil(pairs.picture(int(row)), rng=rng) for row in batch]),
            latents=pairs.latent(batch),
            targets=torch.stack(targets),
            spoilt=torch.stack([spoil(target, rng=rng, strength=settings.spoilt) for target in targets]),
            detail=detail,
        )


def ahead(batches: Iterator[T]) -> Iterator[T]:
    """The same batches, each prepared in a second thread while the one before is learnt."""
    with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        coming = pool.submit(next, batches)
        while True:
            batch = coming.result()
            coming = pool.submit(next, batches)
            yield batch


def train_on_pictures(
    encoder: Encoder,
    preview: PreviewGenerator,
    identity: IdentityNetwork,
    pairs: DrawnPairs,
    photos: Sequence[AlignedPhotos],
    folder: Path,
    settings: PictureStage = PictureStage(),
) -> Encoder:
    """Run stage two on an encoder of stage one. The first of `photos` is also, with its last rows, the check."""
    rng = torch.Generator().manual_seed(settings.seed)
    optimiser = encoder_optimiser(encoder, settings.learning_rate, settings.backbone_rate, settings.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: warm_cosine(step, settings.warmup, settings.steps)
    )
    check = pairs.split(settings.held_back)[1]
    log = TrainingLog(folder, settings=asdict(settings), every=50)
    checkpoint = folder / "pictures.pt"
    mean = AveragedModel(encoder, multi_avg_fn=get_ema_multi_avg_fn(settings.average))
    parts = {"encoder": encoder, "optimiser": optimiser, "schedule": schedule, "mean": mean}
    start = load_checkpoint(checkpoint, **parts) if checkpoint.is_file() else 0
    rng.manual_seed(settings.seed + start)
    gradients = PhotoGradients(preview, workers=settings.workers, compiled=settings.compiled)
    batches = ahead(picture_batches(pairs, photos, settings, rng))
    for step in range(start + 1, settings.steps + 1):
        batch = next(batches)
        found = encoder.normalised(torch.cat((batch.faces, batch.spoilt)))
        drawn, wanted = found[: settings.drawn], encoder.normalise(batch.latents)
        seen = found[settings.drawn :]
        losses, gradient = gradients(encoder.denormalise(seen), photo_losses(batch, settings.weights, identity))
        latent = (drawn - wanted).square().mean()
        delta = (seen - seen.mean(dim=1, keepdim=True)).square().mean()
        # The gradient of the pictures' losses is known already; this product hands it to the encoder.
        picture = (encoder.denormalise(seen) * gradient).sum() / settings.photos
        typical = settings.typical * seen.square().mean()
        optimiser.zero_grad()
        (settings.latent_weight * latent + picture + settings.near_w * delta + typical).backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        mean.update_parameters(encoder)
        log.add(step, latent=latent.item(), picture=sum(losses) / len(losses), delta=delta.item())
        if step % 500 == 0 or step == settings.steps:
            shipped = cast(Encoder, mean.module)
            log.note(
                step,
                **measure_latents(shipped, pairs, check[:100]),
                **measure_photos(shipped, preview, identity, photos[0], settings.held_back_photos),
            )
            save_checkpoint(checkpoint, step=step, settings=asdict(settings), **parts)
            save_weights(shipped, folder / ENCODER_FILE)
    return cast(Encoder, mean.module)


def photo_losses(batch: PictureBatch, weights: Mapping[str, float], identity: IdentityNetwork) -> list[PictureLoss]:
    """For each photo of a batch, how far a drawn cut around the face is from it."""

    mask = face_mask(batch.targets.shape[-1])

    def loss_of(target: Tensor, detail: int) -> PictureLoss:
        def loss(cut: Tensor) -> Tensor:
            wanted = weighted_loss(weights, target, mask, identity)
            return wanted(lose_detail(paste(cut, target), detail))[0]

        return loss

    return [loss_of(target[None], detail) for target, detail in zip(batch.targets, batch.detail, strict=True)]


def lose_detail(drawn: Tensor, detail: int) -> Tensor:
    """Bring a drawn picture down to the detail of the photo it is compared with."""
    if detail >= drawn.shape[-1]:
        return drawn
    small = F.interpolate(drawn, detail, mode="bilinear", antialias=True, align_corners=False)
    return F.interpolate(small, drawn.shape[-1], mode="bicubic", align_corners=False)


@torch.inference_mode()
def measure_photos(
    encoder: Encoder, preview: PreviewGenerator, identity: IdentityNetwork, photos: AlignedPhotos, held: int
) -> dict[str, float]:
    """Median distance of descriptors and mean squared error on the held-back photos, drawn by the preview."""
    distances, errors = [], []
    for row in range(len(photos) - held, len(photos)):
        target = photos.picture(row)[None]
        drawn = preview(encoder(target)).clamp(-1, 1)
        gap = identity(identity_chip(drawn)) - identity(identity_chip(target))
        distances.append(gap.norm())
        errors.append((drawn - target).square().mean())
    return {"photo_identity": torch.stack(distances).median().item(), "photo_mse": torch.stack(errors).mean().item()}


def train_on_latents(
    identity: IdentityNetwork, w_mean: Tensor, pairs: DrawnPairs, folder: Path, settings: LatentStage = LatentStage()
) -> Encoder:
    """Run stage one; leaves checkpoints, a log and `encoder.safetensors` in `folder` and resumes from them."""
    rng = torch.Generator().manual_seed(settings.seed)
    torch.manual_seed(settings.seed)
    encoder = new_encoder(identity, w_mean, pairs)
    optimiser = encoder_optimiser(encoder, settings.learning_rate, settings.backbone_rate, settings.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: warm_cosine(step, settings.warmup, settings.steps)
    )
    train, check = pairs.split(settings.held_back)
    rows = endless(train, generator=rng)
    log = TrainingLog(folder, settings=asdict(settings))
    checkpoint = folder / "latents.pt"
    parts = {"encoder": encoder, "optimiser": optimiser, "schedule": schedule}
    start = load_checkpoint(checkpoint, **parts) if checkpoint.is_file() else 0
    for step in range(start + 1, settings.steps + 1):
        batch = torch.tensor([next(rows) for _ in range(settings.batch)])
        faces = torch.stack([spoil(pairs.picture(int(row)), rng=rng) for row in batch])
        loss = latent_loss(encoder, faces, pairs.latent(batch))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        log.add(step, latent=loss.item())
        if step % 250 == 0 or step == settings.steps:
            log.note(step, **measure_latents(encoder, pairs, check))
            save_checkpoint(checkpoint, step=step, settings=asdict(settings), **parts)
            save_weights(encoder, folder / ENCODER_FILE)
    return encoder


def new_encoder(identity: IdentityNetwork, w_mean: Tensor, pairs: DrawnPairs) -> Encoder:
    """An untrained encoder on a trained backbone, knowing where W lies and how wide it is."""
    encoder = Encoder()
    encoder.backbone.load_state_dict(identity.state_dict())
    encoder.backbone.requires_grad_(True)
    encoder.to(memory_format=torch.channels_last)
    encoder.w_mean.copy_(w_mean)
    encoder.w_scale.copy_(pairs.w[:, 0].std(dim=0))
    return encoder


def resume_encoder(folder: Path) -> Encoder:
    """An encoder that was trained before, ready to learn more; MissingWeights when there is none in `folder`."""
    encoder = load_encoder(folder).train().requires_grad_(True)
    return encoder.to(memory_format=torch.channels_last)


@torch.no_grad()
def blend(before: N, after: N, share: float) -> N:
    """The weights of two networks, of which one began as the other, averaged: `share` of `after`, the rest of `before`.

    Wortsman et al. 2022, "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
    increasing inference time".
    """
    blended, others = copy.deepcopy(after), before.state_dict()
    blended.load_state_dict(
        {
            name: torch.lerp(others[name].float(), value.float(), share) if value.is_floating_point() else value
            for name, value in after.state_dict().items()
        }
    )
    return blended


def encoder_optimiser(encoder: Encoder, rate: float, backbone_rate: float, decay: float) -> torch.optim.AdamW:
    """AdamW with a smaller rate for the backbone."""
    backbone = list(encoder.backbone.parameters())
    known = {id(p) for p in backbone}
    head = [p for p in encoder.parameters() if id(p) not in known]
    return torch.optim.AdamW(
        [{"params": head, "lr": rate}, {"params": backbone, "lr": rate * backbone_rate}],
        betas=(0.9, 0.99),
        weight_decay=decay,
    )


def latent_loss(encoder: Encoder, faces: Tensor, latents: Tensor) -> Tensor:
    """Mean squared error in units of W's spread: 1 is what the mean latent would score."""
    return (encoder.normalised(faces) - encoder.normalise(latents)).square().mean()


@torch.inference_mode()
def measure_latents(encoder: Encoder, pairs: DrawnPairs, rows: Tensor) -> dict[str, float]:
    """The latent loss on clean held-back pictures, in all and for coarse, middle and fine style inputs."""
    errors = []
    for part in rows.split(20):
        faces = torch.stack([pairs.picture(int(row)) for row in part])
        wanted = encoder.normalise(pairs.latent(part))
        errors.append((encoder.normalised(faces) - wanted).square().mean(dim=2))
    error = torch.cat(errors).mean(dim=0)
    return {
        "check": error.mean().item(),
        "check_coarse": error[:7].mean().item(),
        "check_middle": error[7:13].mean().item(),
        "check_fine": error[13:].mean().item(),
    }
