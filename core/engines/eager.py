"""The engine that needs nothing but torch: eager modules, on a CPU or GPU."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from core.engines.networks import Networks
from core.engines.protocol import HALF_SIZE, FaceFeatures, PreviewAnalysis, RenderResult
from core.face.age_estimator import pooled_stages
from core.face.recognition import both_chips
from core.face.skin_tone import cheeks_of
from core.modeling.face_preview import FacePreview, paste
from core.runtime.tensors import shrink, to_levels


class TorchEngine:
    """Runs torch modules one call at a time; what is handed in and out lives on the processor."""

    name = "torch"

    def __init__(self, networks: Networks, *, device: str = "cpu") -> None:
        """`device`: where torch computes, such as `cuda`; copies of the modules are moved there."""
        self.device = torch.device(device)
        if self.device.type != "cpu":
            networks = copy.deepcopy(networks)  # refinement goes on with the others
        for module in (networks.preview, networks.encoder, networks.identity, networks.safety):
            if module is not None:
                module.to(self.device)
        self.networks = networks
        self.face_preview: nn.Module = FacePreview(networks.preview).eval()
        self.synthesis: nn.Module = networks.synthesis
        self.previews: nn.Module = networks.preview

    @torch.inference_mode()
    def draw(self, latents: Tensor, *, size: int) -> RenderResult:
        """See `Engine`."""
        latents = latents.to(self.device)
        # Below 512 px nothing is saved by drawing less: the judges' picture is the picture.
        drawn = self.synthesis(latents, size=max(size, HALF_SIZE))
        faces = shrink(drawn)
        if size < HALF_SIZE:
            drawn = faces
        return RenderResult(to_levels(drawn), faces.cpu())

    @torch.inference_mode()
    def preview(self, latents: Tensor) -> Tensor:
        """See `Engine`."""
        drawn: Tensor = self.previews(latents.to(self.device))
        return drawn.clamp(-1, 1).cpu()

    @torch.inference_mode()
    def face(self, latents: Tensor) -> Tensor:
        """See `Engine`."""
        drawn: Tensor = self.face_preview(latents.to(self.device))
        return drawn.clamp(-1, 1).cpu()

    @torch.inference_mode()
    def look(self, latents: Tensor) -> PreviewAnalysis:
        """See `Engine`."""
        faces = paste(self.face(latents), torch.zeros(len(latents), 3, 256, 256))
        judged = self.extract_features(both_chips(faces))
        return PreviewAnalysis(judged.descriptors, judged.pooled, cheeks_of(faces))

    @torch.inference_mode()
    def encode(self, faces: Tensor) -> Tensor:
        """See `Engine`."""
        latents: Tensor = self.networks.encoder(faces.to(self.device))
        return latents.cpu()

    @torch.inference_mode()
    def extract_features(self, chips: Tensor) -> FaceFeatures:
        """See `Engine`."""
        stages = self.networks.identity.stages(chips.to(self.device))
        return FaceFeatures(self.networks.identity.describe(stages).cpu(), pooled_stages(stages).cpu())

    @torch.inference_mode()
    def nsfw_logits(self, pictures: Tensor) -> Tensor:
        """See `Engine`."""
        assert self.networks.safety is not None
        logits: Tensor = self.networks.safety(pictures.to(self.device))
        return logits.cpu()
