"""Losses of several photos at once, each drawn in a thread of its own.

On a CPU that is faster than a batch (caches) and than more threads for one picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import torch
from torch import Tensor, nn

from core.modeling.face_preview import FacePreview
from core.modeling.preview_head import PreviewGenerator
from core.runtime.cpu import has_bfloat16

PictureLoss = Callable[[Tensor], Tensor]


class PhotoGradients:
    """Losses of drawn latents and their gradients, one latent a thread.

    Args:
        whole: draw the whole preview (1, 3, 256, 256) rather than the cut around the face: a third more work.
        half: compute in bfloat16 what gains from it; None asks the processor.
        compiled: let torch compile the generator's part (a minute at the start; needs a C++ compiler).
    """

    def __init__(
        self,
        preview: PreviewGenerator,
        *,
        workers: int,
        whole: bool = False,
        half: bool | None = None,
        compiled: bool = False,
    ) -> None:
        self.face: nn.Module = preview if whole else FacePreview(preview)
        self.face = self.face.eval().requires_grad_(False)
        self.half = has_bfloat16() if half is None else half
        self.draw: Callable[[Tensor], Tensor] = self.face
        self.pool = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))
        if compiled:
            import torch._inductor.config as inductor

            inductor.cpp.threads = 1
            self.draw = cast(Callable[[Tensor], Tensor], torch.compile(self.face))
            # The first call compiles, and must not happen in two threads at once.
            warm = torch.zeros(1, preview.synthesis.styles, preview.head.input_proj.scale.in_features)
            self.pool.submit(self._one, warm, lambda cut: cut.mean()).result()

    def __call__(self, latents: Tensor, losses: Sequence[PictureLoss]) -> tuple[list[float], Tensor]:
        """Latents (N, L, D), and for each what makes a scalar loss of its cut → the losses and gradients (N, L, D)."""
        jobs = [
            self.pool.submit(self._one, latent[None], loss)
            for latent, loss in zip(latents.detach(), losses, strict=True)
        ]
        answers = [job.result() for job in jobs]
        return [value for value, _ in answers], torch.cat([gradient for _, gradient in answers])

    def _one(self, latent: Tensor, loss: PictureLoss) -> tuple[float, Tensor]:
        latent = latent.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            cut = self.draw(latent)
        value = loss(cut.float())
        (gradient,) = torch.autograd.grad(value, latent)
        return value.item(), gradient
