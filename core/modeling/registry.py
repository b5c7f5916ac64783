"""Every network and model of the pipeline, loaded lazily.

An engine may run copies of its own: then the torch modules are loaded only for what needs gradients (refinement), and a
process that never refines does without them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from core.domain.errors import MissingWeights
from core.engines.networks import Networks
from core.engines.protocol import Engine
from core.face.age_estimator import AGE_FILE, AgeHead
from core.face.detection import LANDMARKS_FILE, FaceFinder
from core.face.pigment import PigmentEstimator, load_pigment
from core.face.recognition import IDENTITY_FILE, IdentityNetwork, load_identity
from core.face.similarity import LikenessScale, load_likeness
from core.face.whole_head import WholeHeadEstimator
from core.latent.age_editing import AgeModel, load_ageing
from core.latent.attributes import Directions, load_directions
from core.latent.correction import Corrector, load_correction
from core.latent.feedback import SecondLook
from core.latent.headwear import Headwear, load_headwear
from core.latent.kinship import Resemblance, load_resemblance
from core.latent.naturalness import NaturalPrior, load_naturalness
from core.modeling.encoder import Encoder, load_encoder
from core.modeling.generator import MobileStyleGAN
from core.modeling.generator_weights import GENERATOR_FILE, GENERATOR_NAME, load_generator, load_w_mean
from core.modeling.preview_head import PreviewGenerator, load_preview
from core.modeling.weights_io import SHIPPED, load_weights
from core.photo.nsfw import SAFETY_FILE, SafetyNetwork, load_safety

FILES = {GENERATOR_NAME: GENERATOR_FILE, IDENTITY_FILE: IDENTITY_FILE, LANDMARKS_FILE: LANDMARKS_FILE}
"""What set-up fetched, by the name that MissingWeights gives it."""


M = TypeVar("M")


def loaded(load: Callable[[Any], M]) -> cached_property[M]:
    """A property that is loaded once, and so that gradients can pass through it, wherever it is first asked for."""

    def load_once(models: Any) -> M:
        with torch.inference_mode(False):
            return load(models)

    return cached_property(load_once)


class Models:
    """Converted weights from one folder, our own from another. Each property may raise MissingWeights."""

    def __init__(self, weights: Path, shipped: Path = SHIPPED) -> None:
        self.weights = weights
        self.shipped = shipped

    def require_files(self, *, safety: bool) -> None:
        """MissingWeights names the first fetched file that is not there; with `safety` the check's are needed, too."""
        for name, file in (FILES | ({SAFETY_FILE: SAFETY_FILE} if safety else {})).items():
            if not (self.weights / file).is_file():
                raise MissingWeights(name=name, path=str(self.weights / file))

    @loaded
    def finder(self) -> FaceFinder:
        """Finds faces and landmarks."""
        return FaceFinder.load(self.weights)

    @loaded
    def generator(self) -> MobileStyleGAN:
        """The generator."""
        return load_generator(self.weights)

    @loaded
    def w_mean(self) -> Tensor:
        """W's mean style (D), around which truncation pulls."""
        return load_w_mean(self.weights)

    @loaded
    def preview(self) -> PreviewGenerator:
        """The generator with the preview head."""
        return load_preview(self.generator.synthesis, self.shipped)

    @loaded
    def encoder(self) -> Encoder:
        """The encoder."""
        return load_encoder(self.shipped)

    def second_look(self, engine: Engine) -> SecondLook:
        """The second look through the eyes of an engine."""
        return SecondLook.load(
            engine.face,
            lambda chips: engine.extract_features(chips).descriptors,
            self.directions,
            self.shipped,
            half=False,
        )

    @loaded
    def identity(self) -> IdentityNetwork:
        """The face recognition network."""
        return load_identity(self.weights)

    @loaded
    def age_head(self) -> AgeHead:
        """The age estimator's head."""
        head = AgeHead()
        load_weights(head, self.shipped / AGE_FILE)
        return head.eval().requires_grad_(False)

    @loaded
    def whole_head(self) -> WholeHeadEstimator:
        """The second opinion on age."""
        return WholeHeadEstimator.load(self.shipped)

    @loaded
    def pigment(self) -> PigmentEstimator:
        """What tells skin from light."""
        return load_pigment(self.shipped)

    @loaded
    def ageing(self) -> AgeModel:
        """The ageing model."""
        return load_ageing(self.shipped)

    @loaded
    def directions(self) -> Directions:
        """What a latent says about a face."""
        return load_directions(self.shipped)

    @loaded
    def headwear(self) -> Headwear:
        """What tells who wears something on the head."""
        return load_headwear(self.shipped)

    @loaded
    def naturalness(self) -> NaturalPrior:
        """The prior of natural latents."""
        return load_naturalness(self.shipped)

    @loaded
    def resemblance(self) -> Resemblance:
        """What sets people apart from others."""
        return load_resemblance(self.shipped)

    @loaded
    def likeness(self) -> LikenessScale:
        """What a likeness is measured on."""
        return load_likeness(self.shipped)

    @loaded
    def corrector(self) -> Corrector:
        """What corrects drawings."""
        return Corrector(
            load_correction(self.shipped), self.resemblance, self.ageing, self.directions, self.naturalness
        )

    @loaded
    def safety(self) -> SafetyNetwork | None:
        """The network of the safety check, if its weights are there."""
        return load_safety(self.weights) if (self.weights / SAFETY_FILE).is_file() else None

    def networks(self) -> Networks:
        """What engines are made from."""
        return Networks(preview=self.preview, encoder=self.encoder, identity=self.identity, safety=self.safety)
