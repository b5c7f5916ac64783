"""The torch modules that every engine is made from."""

from __future__ import annotations

from dataclasses import dataclass

from core.encoder import Encoder
from core.face.recognition import IdentityNetwork
from core.generator import SynthesisNetwork
from core.photo.nsfw import SafetyNetwork
from core.preview import PreviewGenerator


@dataclass(frozen=True)
class Networks:
    """Loaded, in float32, without gradients. Without `safety` no photo can be checked."""

    preview: PreviewGenerator
    encoder: Encoder
    identity: IdentityNetwork
    safety: SafetyNetwork | None = None

    @property
    def synthesis(self) -> SynthesisNetwork:
        """The generator."""
        return self.preview.synthesis
