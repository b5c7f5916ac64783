"""Turn pixels of any RGB or grey color space into sRGB, by ICC profile or by code points.

Phones store Display P3, cameras Adobe RGB. Taken for sRGB, skin looks pale by eight levels of 255.

In:  a Pillow picture in mode RGB, and an ICC profile or the code points of ITU-T H.273 (HEIC, AVIF, PNG).
Out: the picture in sRGB. A profile that cannot be read changes nothing.

What a profile is called says nothing ("sRGB EOTF with DCI-P3 Color Gamut"), so a small lattice of colors is sent
through LittleCMS: a profile is sRGB if they come back as they were.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

Values = npt.NDArray[np.float64]
Chromaticities = tuple[float, float, float, float, float, float, float, float]
"""x, y of red, green, blue and white (CIE 1931)."""

SAME = 2
"""Levels of 255 by which a profile may differ from sRGB and still count as sRGB."""

REFERENCE_WHITE = 203.0
"""cd/m² at which HDR pictures show paper white (ITU-R BT.2408)."""

_D65 = (0.3127, 0.3290)
_BT709 = (0.640, 0.330, 0.300, 0.600, 0.150, 0.060, *_D65)
_BT601_525 = (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65)
_ADOBE_RGB = (0.640, 0.330, 0.210, 0.710, 0.150, 0.060, *_D65)

PRIMARIES: dict[int, Chromaticities] = {
    1: _BT709,
    4: (0.670, 0.330, 0.210, 0.710, 0.140, 0.080, 0.310, 0.316),
    5: (0.640, 0.330, 0.290, 0.600, 0.150, 0.060, *_D65),
    6: _BT601_525,
    7: _BT601_525,
    8: (0.681, 0.319, 0.243, 0.692, 0.145, 0.049, 0.310, 0.316),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65),
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65),
    22: (0.630, 0.340, 0.295, 0.605, 0.155, 0.077, *_D65),
}
"""ColourPrimaries of ITU-T H.273, table 2."""


@dataclass(frozen=True)
class CodePoints:
    """Color space by numbers of ITU-T H.273: ColourPrimaries and TransferCharacteristics."""

    primaries: int
    transfer: int

    def profile(self) -> bytes | None:
        """As an ICC profile; None for sRGB, and where the numbers say nothing or nothing we know."""
        primaries = PRIMARIES.get(1 if self.primaries == 2 else self.primaries)
        transfer = TRANSFERS.get(self.transfer)
        if primaries is None or transfer is None or (primaries == _BT709 and transfer is _srgb):
            return None
        return matrix_profile(primaries, transfer)


def adobe_rgb() -> bytes:
    """The profile of Adobe RGB (1998), which cameras mean by the Exif interoperability index R03."""
    return matrix_profile(_ADOBE_RGB, _power(563 / 256))


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """`picture` (mode RGB) converted from the color space of `profile`. One that is broken or unfit is passed over."""
    if not profile:
        return picture
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        if space == "GRAY":
            return _transformed(picture.getchannel("R"), ImageCms.buildTransform(source, SRGB, "L", "RGB"))
        if space != "RGB":
            return picture
        transform = ImageCms.buildTransform(source, SRGB, "RGB", "RGB")
        return picture if _changes_nothing(transform) else _transformed(picture, transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return picture


def cmyk_to_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """RGB of inks (mode CMYK); without the profile where it does not fit."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return _transformed(picture, ImageCms.buildTransform(source, SRGB, "CMYK", "RGB"))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return picture.convert("RGB")


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _transformed(picture: Image.Image, transform: Any) -> Image.Image:
    converted = ImageCms.applyTransform(picture, transform)
    assert converted is not None
    return converted


@lru_cache(maxsize=1)
def _lattice() -> Image.Image:
    """729 colors, nine levels of each channel."""
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    return Image.fromarray(np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(27, 27, 3))


def _changes_nothing(transform: Any) -> bool:
    before, after = _lattice(), _transformed(_lattice(), transform)
    return bool(np.abs(np.asarray(after).astype(int) - np.asarray(before)).max() <= SAME)


# --- profiles of our own ------------------------------------------------------------------------------------


def matrix_profile(primaries: Chromaticities, transfer: Callable[[Values], Values]) -> bytes:
    """An ICC profile (version 2.4) of three primaries and one curve. ValueError for primaries that span nothing.

    `transfer` takes encoded values (0..1) to linear light (0..1). ICC.1:2001-04, sections 6.1 and 6.3.1.2.
    """
    curve = transfer(np.linspace(0.0, 1.0, 4096)).clip(0.0, 1.0)
    trc = b"curv" + bytes(4) + struct.pack(">I", curve.size) + (curve * 65535).round().astype(">u2").tobytes()
    colorants = _adapted_colorants(primaries)
    tags = {b"wtpt": _xyz(_D50), b"rTRC": trc, b"gTRC": trc, b"bTRC": trc}
    tags |= {name: _xyz(colorants[:, column]) for column, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    return _icc_file(tags)


_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def _adapted_colorants(primaries: Chromaticities) -> Values:
    """XYZ of red, green and blue as columns (3, 3), adapted to D50 after Bradford."""
    points = np.array(primaries).reshape(4, 2)
    if not np.all((points > 1e-6) & (points < 1.0)):
        raise ValueError("no chromaticities")
    xyz = np.column_stack([points[:, 0], points[:, 1], 1.0 - points.sum(axis=1)]) / points[:, 1:]
    red_green_blue, white = xyz[:3].T, xyz[3]
    if abs(np.linalg.det(red_green_blue)) < 1e-3:
        raise ValueError("no triangle")
    scaled = red_green_blue * np.linalg.solve(red_green_blue, white)
    cones = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    return np.asarray(np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD @ scaled)


def _xyz(values: Values) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(float(value) * 65536) for value in values))


def _icc_file(tags: dict[bytes, bytes]) -> bytes:
    start = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(">I4sI4s4s4s", start + len(body), b"", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    header = header.ljust(36, b"\0") + b"acsp"
    header = header.ljust(68, b"\0") + _xyz(_D50)[8:]
    return header.ljust(128, b"\0") + table + body


def _srgb(value: Values) -> Values:
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _power(exponent: float) -> Callable[[Values], Values]:
    return lambda value: value**exponent


def _perceptual_quantizer(value: Values) -> Values:
    """SMPTE ST 2084, in units of reference white, highlights rolled off."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    root = value ** (1 / m2)
    light = 10_000.0 * (np.maximum(root - c1, 0.0) / (c2 - c3 * root)) ** (1 / m1)
    return _rolled_off(light / REFERENCE_WHITE)


def _hybrid_log_gamma(value: Values) -> Values:
    """ARIB STD-B67, in units of reference white (a signal of 0.75), highlights rolled off."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(value <= 0.5, value**2 / 3.0, (np.exp((value - c) / a) + b) / 12.0)
    return _rolled_off(scene**1.2 / 0.265**1.2)


def _rolled_off(light: Values) -> Values:
    """Linear to three quarters of reference white, then bent so that twelve times as much is just white."""
    knee, most = 0.75, 12.0
    above = np.clip((light - knee) / (most - knee), 0.0, 1.0)
    bent = knee + (1.0 - knee) * np.log1p(40.0 * above) / np.log1p(40.0)
    return np.where(light <= knee, light, bent)


TRANSFERS: dict[int, Callable[[Values], Values]] = {
    # Video's curves are shown like sRGB's everywhere; 2 is "unspecified".
    **dict.fromkeys((1, 2, 6, 13, 14, 15), _srgb),
    4: _power(2.2),
    5: _power(2.8),
    8: _power(1.0),
    16: _perceptual_quantizer,
    17: _power(2.6),
    18: _hybrid_log_gamma,
}
"""TransferCharacteristics of ITU-T H.273, table 3: encoded value → linear light."""


def gamma_profile(chromaticities: Chromaticities, gamma: float) -> bytes | None:
    """The profile of a PNG's cHRM and gAMA; `gamma` is that of the encoding (0.45455). None where they are nonsense."""
    if not 0.1 <= gamma <= 2.0:
        return None
    try:
        return matrix_profile(chromaticities, _power(1.0 / gamma))
    except ValueError:
        return None
