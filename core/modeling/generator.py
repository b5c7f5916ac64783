"""The generator: MobileStyleGAN (FFHQ, 1024 px) as a torch module.

Letters used here and in every module of `core` that touches latents:
    B batch · L = 23 style inputs · D = 512 style width · C channels · H, W pixels; RGB in [-1, 1]; float32.

The network (Belousov 2021, "MobileStyleGAN: A Lightweight Convolutional Neural Network for High-Fidelity Image
Synthesis") grows a learned 4×4 input to 512×512 features through seven blocks; every block scales its input by a style,
doubles the size by an inverse Haar transform, and applies two style-modulated depthwise-separable convolutions.
A last modulated 1×1 convolution gives the wavelet bands of the 1024-px picture. Demodulation is folded into the
1×1 weights and the noise is a constant, so one latent always draws one picture.

Style inputs: 0 first convolution; block k takes 1+3k (upsampling), 2+3k and 3+3k (convolutions); 22 the picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STYLES = 23
"""L: style inputs of the default generator."""

WIDTH = 512
"""D: width of one style."""

CHANNELS = (512, 512, 512, 512, 512, 256, 128, 64)
"""Channels of the features at 4, 8, 16 … 512 px."""


class MappingNetwork(nn.Module):
    """z (B, D) drawn from N(0, 1) → w (B, D): eight linear layers with leaky ReLU after normalising z."""

    def __init__(self, *, width: int = WIDTH, depth: int = 8) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))

    def forward(self, z: Tensor) -> Tensor:
        """Map z to W. Every layer's output is scaled by √2, as in StyleGAN2."""
        x = z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2) * math.sqrt(2)
        return x


class Modulation(nn.Module):
    """One style (B, D) → a factor per channel (B, C, 1, 1)."""

    scale: Tensor

    def __init__(self, channels: int, *, width: int = WIDTH) -> None:
        super().__init__()
        self.linear = nn.Linear(width, channels)
        self.register_buffer("scale", torch.ones(()))

    def forward(self, style: Tensor) -> Tensor:
        """One factor per channel."""
        return cast(Tensor, self.linear(style) * self.scale)[:, :, None, None]


class FirstConvolution(nn.Module):
    """The learned 4×4 input, modulated and convolved: style (B, D) → (B, C, 4, 4)."""

    noise: Tensor

    def __init__(self, *, channels: int, width: int = WIDTH) -> None:
        super().__init__()
        self.modulation = Modulation(channels, width=width)
        self.input = nn.Parameter(torch.randn(1, channels, 4, 4))
        self.weight = nn.Parameter(torch.randn(channels, channels, 3, 3) / math.sqrt(9 * channels))
        self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.register_buffer("noise", torch.zeros(1, 1, 4, 4))

    def forward(self, style: Tensor) -> Tensor:
        """The features that everything grows from."""
        x = F.conv2d(self.input * self.modulation(style), self.weight, padding=1)
        return F.leaky_relu(x + (self.noise + self.bias), 0.2)


class SeparableConvolution(nn.Module):
    """x (B, C_in, H, W), style (B, D) → (B, C_out, H, W): modulate, 3×3 depthwise, 1×1, noise, bias, leaky ReLU."""

    noise: Tensor

    def __init__(self, *, channels_in: int, channels_out: int, size: int, width: int = WIDTH) -> None:
        super().__init__()
        self.modulation = Modulation(channels_in, width=width)
        self.depthwise = nn.Parameter(torch.randn(channels_in, 1, 3, 3) / 3)
        self.pointwise = nn.Parameter(torch.randn(channels_out, channels_in, 1, 1) / math.sqrt(channels_in))
        self.bias = nn.Parameter(torch.zeros(1, channels_out, 1, 1))
        self.register_buffer("noise", torch.zeros(1, 1, size, size))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """One convolution; see the class for shapes."""
        factor = self.modulation(style)
        if len(x) == 1 and not torch.is_grad_enabled():
            # One picture: scaling the kernel instead of the features saves a pass over memory, which costs most.
            x = F.conv2d(x, self.depthwise * factor.transpose(0, 1), padding=1, groups=x.shape[1])
        else:
            x = F.conv2d(x * factor, self.depthwise, padding=1, groups=x.shape[1])
        x = F.conv2d(x, self.pointwise, self.bias.flatten())
        return F.leaky_relu_(x + self.noise, 0.2)


class Block(nn.Module):
    """x (B, C_in, H, W) and three styles (B, 3, D) → (B, C_out, 2H, 2W)."""

    def __init__(self, *, channels_in: int, channels_out: int, size: int, width: int = WIDTH) -> None:
        super().__init__()
        self.up = Modulation(channels_in, width=width)
        self.conv1 = SeparableConvolution(
            channels_in=channels_in // 4, channels_out=channels_out, size=size, width=width
        )
        self.conv2 = SeparableConvolution(channels_in=channels_out, channels_out=channels_out, size=size, width=width)

    def forward(self, x: Tensor, styles: Tensor) -> Tensor:
        """Twice the size."""
        x = inverse_haar(x * self.up(styles[:, 0]))
        return cast(Tensor, self.conv2(self.conv1(x, styles[:, 1]), styles[:, 2]))


class SynthesisNetwork(nn.Module):
    """W+ (B, L, D) → pictures (B, 3, 1024, 1024). Fewer `channels` make a tiny network of the same code."""

    def __init__(self, *, channels: Sequence[int] = CHANNELS, width: int = WIDTH) -> None:
        super().__init__()
        self.first = FirstConvolution(channels=channels[0], width=width)
        self.blocks = nn.ModuleList(
            Block(channels_in=a, channels_out=b, size=8 << k, width=width)
            for k, (a, b) in enumerate(pairwise(channels))
        )
        self.to_bands_modulation = Modulation(channels[-1], width=width)
        self.to_bands = nn.Conv2d(channels[-1], 12, 1)

    @property
    def styles(self) -> int:
        """L of this network: 23 for the default one."""
        return 3 * len(self.blocks) + 2

    @property
    def size(self) -> int:
        """Pixels along one side of the picture."""
        return 8 << len(self.blocks)

    def features(self, latent: Tensor, *, until: int) -> Tensor:
        """W+ (B, L, D) → features (B, C, until, until); `until` is a power of two from 4 to half of `size`."""
        x = self.first(latent[:, 0])
        for k, block in enumerate(self.blocks):
            if x.shape[-1] >= until:
                break
            x = block(x, latent[:, 1 + 3 * k : 4 + 3 * k])
        return cast(Tensor, x)

    def bands(self, latent: Tensor) -> Tensor:
        """W+ (B, L, D) → wavelet bands (B, 12, size/2, size/2) of the picture."""
        x = self.features(latent, until=self.size // 2)
        return cast(Tensor, self.to_bands(x * self.to_bands_modulation(latent[:, -1])))

    def forward(self, latent: Tensor, *, size: int | None = None) -> Tensor:
        """W+ (B, L, D) → pictures (B, 3, size, size) in about [-1, 1].

        The low band of the last Haar transform is twice the picture's 2×2 mean: half the size is exact without it.
        """
        bands = self.bands(latent)
        if size is None or size == self.size:
            return inverse_haar(bands)
        half = bands[:, :3] / 2
        return half if size == self.size // 2 else F.adaptive_avg_pool2d(half, size)


class MobileStyleGAN(nn.Module):
    """Mapping and synthesis with the mean style `w_mean` (D), around which truncation pulls."""

    w_mean: Tensor

    def __init__(self, *, channels: Sequence[int] = CHANNELS, width: int = WIDTH) -> None:
        super().__init__()
        self.mapping = MappingNetwork(width=width)
        self.synthesis = SynthesisNetwork(channels=channels, width=width)
        self.register_buffer("w_mean", torch.zeros(width))

    def sample(self, count: int, *, truncation: float, generator: torch.Generator) -> Tensor:
        """Draw latents in W+ (count, L, D): random z, mapped, pulled towards the mean by `truncation` in [0, 1]."""
        z = torch.randn(count, self.w_mean.shape[0], generator=generator).to(self.w_mean)
        w = self.w_mean + truncation * (self.mapping(z) - self.w_mean)
        return cast(Tensor, w)[:, None, :].expand(-1, self.synthesis.styles, -1).contiguous()


def inverse_haar(bands: Tensor) -> Tensor:
    """Inverse Haar transform: (B, 4C, H, W) → (B, C, 2H, 2W).

    Channels 0 … C-1 are the low band; then come, channel by channel, its three detail bands (vertical, horizontal,
    diagonal), as in pytorch_wavelets' DWTInverse, which the network was trained with.
    """
    batch, four_c, height, width = bands.shape
    c = four_c // 4
    low = bands[:, :c]
    detail = bands[:, c:].unflatten(1, (c, 3))
    top, bottom = low + detail[:, :, 0], low - detail[:, :, 0]
    right, skew = detail[:, :, 1] + detail[:, :, 2], detail[:, :, 1] - detail[:, :, 2]
    corners = torch.stack((top + right, top - right, bottom + skew, bottom - skew), dim=2)
    return F.pixel_shuffle(corners.reshape(batch, four_c, height, width) * 0.5, 2)
