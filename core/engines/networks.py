"""The torch modules that every engine is built from."""

from __future__ import annotations

from dataclasses import dataclass

from core.face.recognition import IdentityNetwork
from core.modeling.encoder import Encoder
from core.modeling.generator import SynthesisNetwork
from core.modeling.preview_head import PreviewGenerator
from core.photo.nsfw import SafetyNetwork


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
