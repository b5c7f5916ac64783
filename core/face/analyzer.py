"""Analyzes a face through an engine: identity, apparent age and skin tone."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from core.engines.protocol import Engine, FaceFeatures
from core.face.age_estimator import AgeEstimate, AgeHead, read_age
from core.face.recognition import both_chips
from core.face.skin_tone import Colour, skin_of_cheeks


@dataclass(frozen=True, eq=False)
class FaceAnalysis:
    """A drawn face as it was seen: years, probability of male, descriptor (128,), skin (Lab, 3)."""

    age: float
    male: float
    descriptor: Tensor
    skin: Colour


class FaceAnalyzer:
    """An engine with the age estimator's head."""

    def __init__(self, engine: Engine, head: AgeHead) -> None:
        self.engine = engine
        self.head = head

    def look(self, face: Tensor) -> tuple[Tensor, AgeEstimate]:
        """An aligned face (1, 3, H, H) → its descriptor (1, 128) and age; its mirror image steadies the age."""
        return self._read(self.engine.extract_features(both_chips(face)))

    def see(self, latent: Tensor) -> FaceAnalysis:
        """The face that W+ (1, L, D) draws, by its preview."""
        looked = self.engine.look(latent)
        descriptor, years = self._read(looked)
        return FaceAnalysis(
            age=years.age, male=years.male, descriptor=descriptor[0], skin=skin_of_cheeks(looked.cheeks[0])
        )

    def examine(self, face: Tensor) -> tuple[AgeEstimate, Tensor]:
        """The age of an aligned face (1, 3, H, H), and the pooled features (2, F) of it and of its mirror image."""
        judged = self.engine.extract_features(both_chips(face))
        return read_age(self.head, judged.pooled), judged.pooled

    def estimate(self, face: Tensor) -> AgeEstimate:
        """The age of an aligned face (1, 3, H, H)."""
        return self.look(face)[1]

    def descriptor_of_latent(self, latent: Tensor) -> Tensor:
        """The descriptor (B, 128) of the face that W+ (B, L, D) draws."""
        return self.engine.look(latent).descriptors[: len(latent)]

    def _read(self, features: FaceFeatures) -> tuple[Tensor, AgeEstimate]:
        return features.descriptors[:1], read_age(self.head, features.pooled)
