"""What an engine sees in a face: whom it shows, and how old it looks."""

from __future__ import annotations

import torch
from torch import Tensor

from core.age_estimate import AgeEstimate, AgeHead, read_age
from core.engines.engine import Engine
from core.face_preview import paste
from core.identity import identity_chip


class Eye:
    """An engine with the age estimator's head."""

    def __init__(self, engine: Engine, head: AgeHead) -> None:
        self.engine = engine
        self.head = head

    def look(self, face: Tensor) -> tuple[Tensor, AgeEstimate]:
        """An aligned face (1, 3, H, H) → its descriptor (1, 128) and age; its mirror image steadies the age."""
        judged = self.engine.judge(torch.cat([identity_chip(face), identity_chip(face.flip(3))]))
        return judged.descriptors[:1], read_age(self.head, judged.pooled)

    def estimate(self, face: Tensor) -> AgeEstimate:
        """The age of an aligned face (1, 3, H, H)."""
        return self.look(face)[1]

    def estimate_latent(self, latent: Tensor) -> AgeEstimate:
        """The age of the face that W+ (1, L, D) draws."""
        return self.estimate(self._drawn(latent))

    def descriptor_of_latent(self, latent: Tensor) -> Tensor:
        """The descriptor (B, 128) of the face that W+ (B, L, D) draws."""
        return self.engine.judge(identity_chip(self._drawn(latent))).descriptors

    def _drawn(self, latent: Tensor) -> Tensor:
        """The face alone, in a picture that is grey elsewhere: nothing here looks there."""
        return paste(self.engine.face(latent), torch.zeros(len(latent), 3, 256, 256))
