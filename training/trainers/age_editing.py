"""Fits the age model (`core.latent.age_editing`) on drawn pairs whose age and sex our own estimator tells.

The curve is a ridge regression of styles on knots of age, per sex, with a penalty on kinks. The colours of skin, hair
and background, and glasses, enter it beside age: babies among the drawn are fairer than their elders and wear none, and
a curve that did not know would bleach whom it makes younger and put glasses on whom it makes older. How the curve bends
with the tone of the skin is fitted too. The reader is a small network on latents. Pictures are looked at once; the
labels are kept beside the run. In the end faces that were held back are moved through ages, drawn, and judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.face.age_estimator import AgeEstimator, pooled_features, to_growth
from core.latent.age_editing import AGEING_FILE, KNOTS, AgeModel, Ager
from core.modeling.generator import MobileStyleGAN
from core.modeling.weights_io import save_weights
from training.data.drawn_pairs import DrawnPairs
from training.data.encoded import EncodedPhotos
from training.data.face_measures import NAMES, face_measures
from training.data.styles import describe_w
from training.reports.age_editing import ASKED, ageing_report
from training.trainers.log import TrainingLog

PROFILE = (1.0,) * 13 + (0.6,) * 3 + (0.35,) * 7
"""How much of the curve's step each style input takes: features up to 64 px carry shape and skin; the finest inputs
carry colours, which should stay the person's own apart from hair that greys."""

SKIN = NAMES.index("skin_L")
"""Among the measures: how light the skin is."""

TILT_RIDGE = 10.0
"""What the skin tone changes about the curve is held to be small, unless many faces say so."""

CURVE_INPUT = 8
"""The style input whose styles the curve is fitted on where a drawing mixes two."""


@dataclass(frozen=True)
class AgeingSettings:
    """What a run is made of."""

    samples: int = 50_000  # draws of W for its principal directions
    ridge: float = 3.0
    smoothness: float = 10.0
    epochs: int = 60
    batch: int = 128
    learning_rate: float = 1e-3
    noise: float = 0.25  # added to the reader's inputs: latents of photos lie off W
    held_back: int = 300
    seed: int = 5


@dataclass(frozen=True)
class Labels:
    """Age in years (N,), probability of male (N,) and other measures (N, 10) of every drawn picture."""

    age: Tensor
    male: Tensor
    measures: Tensor

    @property
    def covariates(self) -> Tensor:
        """The other measures, each with mean 0 and standard deviation 1."""
        return (self.measures - self.measures.mean(dim=0)) / self.measures.std(dim=0).clamp(min=1e-3)

    def of(self, rows: Tensor) -> Labels:
        """Those of some rows."""
        return Labels(self.age[rows], self.male[rows], self.measures[rows])


@torch.inference_mode()
def label_pairs(pairs: DrawnPairs, estimator: AgeEstimator, cache: Path) -> Labels:
    """Look at every drawn picture once."""
    if not cache.is_file():
        found: dict[str, list[np.ndarray]] = {"age": [], "male": [], "measures": []}
        for row in range(len(pairs)):
            picture = pairs.picture(row)
            age, _, male = estimator.head(pooled_features(estimator.network, picture[None]))
            found["age"].append(age[0].numpy())
            found["male"].append(torch.sigmoid(male)[0].numpy())
            found["measures"].append(face_measures(picture).numpy())
        cache.parent.mkdir(parents=True, exist_ok=True)
        arrays = {name: np.array(values, np.float32) for name, values in found.items()}
        np.savez(cache, age=arrays["age"], male=arrays["male"], measures=arrays["measures"])
    with np.load(cache, allow_pickle=False) as kept:
        return Labels(*(torch.from_numpy(kept[name]) for name in ("age", "male", "measures")))


def train_ageing(
    generator: MobileStyleGAN,
    pairs: DrawnPairs,
    labels: Labels,
    folder: Path,
    settings: AgeingSettings = AgeingSettings(),
    *,
    photos: EncodedPhotos | None = None,
) -> AgeModel:
    """Fit curve and reader; leaves `ageing.safetensors` and a log in `folder`.

    `photos`: people of known age, who teach both beside the drawn faces.
    """
    torch.manual_seed(settings.seed)
    log = TrainingLog(folder, settings=asdict(settings), every=1000)
    model = AgeModel()
    basis, spread = describe_w(generator, samples=settings.samples, seed=settings.seed)
    model.directions.copy_(basis.directions)
    model.w_mean.copy_(generator.w_mean)
    model.w_scale.copy_(spread)
    model.profile.copy_(torch.tensor(PROFILE))
    train, check = pairs.split(settings.held_back)
    examples = Examples.of_drawn(pairs, labels, train)
    if photos is not None:
        examples = examples.with_photos(photos)
    _fit_curve(model, examples, settings)
    _train_reader(model, examples, settings, log)
    log.note(settings.epochs, **score_reader(model, pairs, labels, check))
    save_weights(model, folder / AGEING_FILE)
    return model


@dataclass(frozen=True)
class Examples:
    """What curve and reader learn from: latents (N, L, D), the style (N, D) that stands for each, labels, and whether
    each is a photo (N,)."""

    latent: Tensor
    style: Tensor
    labels: Labels
    photo: Tensor

    @classmethod
    def of_drawn(cls, pairs: DrawnPairs, labels: Labels, rows: Tensor) -> Examples:
        """Drawn faces."""
        latent = pairs.latent(rows)
        return cls(latent, latent[:, CURVE_INPUT], labels.of(rows), torch.zeros(len(rows)))

    def with_photos(self, photos: EncodedPhotos) -> Examples:
        """The same with photos of people of known age."""
        labels = Labels(
            torch.cat((self.labels.age, photos.age)),
            torch.cat((self.labels.male, photos.male)),
            torch.cat((self.labels.measures, photos.measures)),
        )
        style = photos.latent[:, torch.tensor(PROFILE) == 1].mean(dim=1)
        return Examples(
            torch.cat((self.latent, photos.latent)),
            torch.cat((self.style, style)),
            labels,
            torch.cat((self.photo, torch.ones(len(photos)))),
        )


def _fit_curve(model: AgeModel, examples: Examples, settings: AgeingSettings) -> None:
    """Ridge regression: styles (N, D) on the knots' weights, per sex, and on other measures; kinks are held small.

    Whoever comes from a photo differs from the drawn by more than age (the encoder's habits, another crowd): by an
    offset that is the same at every age.
    """
    knots = len(KNOTS)
    styles, labels = examples.style, examples.labels
    age, male = labels.age, (labels.male > 0.5).float()
    others = torch.cat((labels.covariates, examples.photo[:, None]), dim=1)
    skin = others[:, SKIN]
    weights = model.between_knots(age)
    design = torch.cat([weights * (1 - male[:, None]), weights * male[:, None], weights * skin[:, None], others], dim=1)
    bend = torch.zeros(knots - 2, knots)
    for i in range(knots - 2):
        bend[i, i : i + 3] = torch.tensor([1.0, -2.0, 1.0])
    kinks = torch.block_diag(bend, bend, 3 * bend, torch.zeros(0, others.shape[1]))
    # The sexes differ less the younger the face: their difference is held small at the first knots.
    apart = torch.cat([torch.eye(knots), -torch.eye(knots)], dim=1) * torch.exp(-torch.arange(knots) / 1.5)[:, None]
    ridge = torch.full((design.shape[1],), settings.ridge)
    ridge[2 * knots : 3 * knots] *= TILT_RIDGE
    normal = design.T @ design + ridge.diag() + settings.smoothness * (kinks.T @ kinks)
    normal[: 2 * knots, : 2 * knots] += 30 * (apart.T @ apart)
    fitted = torch.linalg.solve(normal, design.T @ (styles - model.w_mean))
    model.curve.copy_((fitted[: 2 * knots] + model.w_mean).unflatten(0, (2, knots)))
    model.tilt.copy_(fitted[2 * knots : 3 * knots])
    away = (styles - model.mean_style(age, male)).square().mean(dim=1).sqrt()
    level = torch.linalg.solve(weights.T @ weights + 5 * torch.eye(knots), weights.T @ away + 5 * away.mean())
    model.residual.copy_(level / away.mean())


def _train_reader(model: AgeModel, examples: Examples, settings: AgeingSettings, log: TrainingLog) -> None:
    labels, train = examples.labels, range(len(examples.photo))
    inputs = model.reader_inputs(examples.latent)
    growth, sex, skin = to_growth(labels.age), labels.male, labels.covariates[:, SKIN]
    optimiser = torch.optim.AdamW(model.reader.parameters(), lr=settings.learning_rate, weight_decay=0.1)
    steps = settings.epochs * (len(train) // settings.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, total_steps=steps)
    for step in range(1, steps + 1):
        pick = torch.randint(0, len(train), (settings.batch,))
        noisy = inputs[pick] + settings.noise * torch.randn_like(inputs[pick])
        read_growth, read_male, read_skin = model.reader(noisy).unbind(dim=1)
        loss = (
            F.smooth_l1_loss(read_growth, growth[pick], beta=0.1)
            + 0.2 * F.binary_cross_entropy_with_logits(read_male, sex[pick])
            + 0.1 * F.smooth_l1_loss(read_skin, skin[pick])
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        log.add(step, reader=loss.item())


@torch.inference_mode()
def score_reader(model: AgeModel, pairs: DrawnPairs, labels: Labels, rows: Tensor) -> dict[str, float]:
    """Mean absolute error of the reader in years, and its share of right sexes from four years on."""
    latents, known = pairs.latent(rows), labels.of(rows)
    read_age, read_male = model.read(latents)
    error = (read_age - known.age).abs()
    young = known.age <= 12
    right = (read_male > 0) == (known.male > 0.5)
    skin = torch.stack([model.read_skin(latents), labels.covariates[rows][:, SKIN]])
    return {
        "mae_to_12": error[young].mean().item(),
        "mae_above": error[~young].mean().item(),
        "sex": right[known.age >= 4].float().mean().item(),
        "skin_correlation": torch.corrcoef(skin)[0, 1].item(),
    }


def check_moves(
    model: AgeModel,
    generator: MobileStyleGAN,
    estimator: AgeEstimator,
    pairs: DrawnPairs,
    folder: Path,
    *,
    count: int,
    ages: Sequence[float] = ASKED,
    settings: AgeingSettings = AgeingSettings(),
) -> dict[str, float]:
    """Move `count` of the faces held back through ages and sexes; the scores go to the log (`ageing_report`)."""
    _, check = pairs.split(settings.held_back)
    scores = ageing_report(
        Ager(model.eval()),
        pairs.latent(check[:count]),
        draw=lambda w: generator.synthesis(w, size=256).clamp(-1, 1),
        estimator=estimator,
        ages=ages,
    )
    TrainingLog(folder, settings={"faces": count}, every=1).note(count, **scores)
    return scores
