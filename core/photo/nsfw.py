"""NSFW detection: Yahoo's open_nsfw as a torch module.

In:  an upright photo, uint8 H×W×3.
Out: `SafetyCheck.score`: how likely it is NSFW, 0..1; `require` lets it pass or raises `UnsafePhoto`.

A thin ResNet-50 (half the channels; He et al. 2016) with batch normalisation folded into its convolutions. It was
taught with photos of 256×256 squeezed without regard to their shape, the middle 224×224 of them, in blue-green-red
order with the mean taken off; we show it the same, but without the JPEG that its authors wrote in between.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from core.domain.errors import UnsafePhoto
from core.modeling.weights_io import load_weights

SAFETY_FILE = "open-nsfw.safetensors"

NSFW_LIMIT = 0.8
"""Above it the network's authors call a picture "with high probability" NSFW; below 0.2 it is harmless, and what
lies between depends on who looks. A bot that refuses a photo from the beach is no use, so we begin at the top."""

MEAN_BGR = (104.0, 117.0, 123.0)
STAGES = ((64, 32, 128, 3), (128, 64, 256, 4), (256, 128, 512, 6), (512, 256, 1024, 3))
"""Channels in, inside and out of each stage, and its number of blocks."""

Pixels = npt.NDArray[np.uint8]


class Bottleneck(nn.Module):
    """(B, in, H, W) → (B, out, H/stride, W/stride): 1×1, 3×3, 1×1 and the way around them."""

    def __init__(self, inside: int, *, of: int, to: int, stride: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(of, inside, 1, stride)
        self.middle = nn.Conv2d(inside, inside, 3, padding=1)
        self.up = nn.Conv2d(inside, to, 1)
        self.around = nn.Identity() if of == to else nn.Conv2d(of, to, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """The input, changed a little."""
        inner = self.up(F.relu(self.middle(F.relu(self.down(x)))))
        return F.relu(inner + self.around(x))


class SafetyNetwork(nn.Module):
    """(B, 3, 224, 224), blue-green-red minus `MEAN_BGR` → logits of harmless and NSFW, (B, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 7, 2, padding=3)
        self.blocks = nn.Sequential(
            *(
                Bottleneck(inside, of=of if first else to, to=to, stride=2 if first and of != 64 else 1)
                for of, inside, to, count in STAGES
                for first in [True] + [False] * (count - 1)
            )
        )
        self.head = nn.Linear(1024, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Look at pictures."""
        # Padded at the end only, as TensorFlow pads; not at all sides, as torch would.
        x = F.max_pool2d(F.pad(F.relu(self.stem(x)), (0, 1, 0, 1)), 3, 2)
        return torch.as_tensor(self.head(self.blocks(x).mean(dim=(2, 3))))


class SafetyCheck:
    """The network with a limit."""

    def __init__(self, network: Callable[[Tensor], Tensor], limit: float = NSFW_LIMIT) -> None:
        """`network`: a `SafetyNetwork` or what answers as one; `limit`: 0..1, the score above which it refuses."""
        self.network = network
        self.limit = limit

    @classmethod
    def load(cls, weights: Path, limit: float = NSFW_LIMIT) -> SafetyCheck:
        """Read the converted weights; MissingWeights when they are absent or damaged."""
        return cls(load_safety(weights), limit)

    @torch.inference_mode()
    def score(self, rgb: Pixels) -> float:
        """How likely a photo (uint8 H×W×3) is NSFW, 0..1."""
        logits = self.network(network_input(rgb))
        return float(torch.softmax(logits, dim=1)[0, 1])

    def require(self, rgb: Pixels) -> None:
        """Let a photo pass, or raise UnsafePhoto."""
        score = self.score(rgb)
        if score > self.limit:
            raise UnsafePhoto(score=score, limit=self.limit)


def load_safety(weights: Path) -> SafetyNetwork:
    """Read the converted weights; MissingWeights when they are absent or damaged."""
    network = SafetyNetwork()
    load_weights(network, weights / SAFETY_FILE)
    return network.eval().requires_grad_(False)


def network_input(rgb: Pixels) -> Tensor:
    """uint8 (H, W, 3) → (1, 3, 224, 224) as the network was taught."""
    # A large photo is first brought near by whole steps, which costs a tenth and changes next to nothing.
    squeezed = Image.fromarray(rgb).resize((256, 256), Image.Resampling.BILINEAR, reducing_gap=2.0)
    middle = np.asarray(squeezed.crop((16, 16, 240, 240)), np.float32)[:, :, ::-1] - np.array(MEAN_BGR, np.float32)
    return torch.from_numpy(np.ascontiguousarray(middle)).permute(2, 0, 1)[None].contiguous()
