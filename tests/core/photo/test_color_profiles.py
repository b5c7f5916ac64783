"""Colors come out as they were meant, whatever the profile is called and wherever the file says it."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from core.photo.color_profiles import (
    PRIMARIES,
    TRANSFERS,
    CodePoints,
    adobe_rgb,
    gamma_profile,
    matrix_profile,
    to_srgb,
)
from core.photo.decode import open_photo
from tests.support.photos.good_photos import saved

SKIN = (205, 154, 137)
SRGB_OF_P3_SKIN = (214, 152, 133)
"""By hand: P3 → linear → XYZ → linear sRGB → sRGB, D65 throughout."""
P3 = CodePoints(12, 13)


def skin() -> Image.Image:
    return Image.new("RGB", (64, 64), SKIN)


def profile(points: CodePoints) -> bytes:
    made = points.profile()
    assert made is not None
    return made


def named(profile: bytes, name: str) -> bytes:
    """The same profile with a description, as the last tag of the file."""
    tag = b"desc" + bytes(4) + struct.pack(">I", len(name) + 1) + name.encode() + bytes(79)
    (count,) = struct.unpack_from(">I", profile, 128)
    entries, body = profile[132 : 132 + 12 * count], profile[132 + 12 * count :]
    moved = b"".join(
        struct.pack(">4sII", kind, at + 12, size) for kind, at, size in struct.iter_unpack(">4sII", entries)
    )
    end = struct.pack(">4sII", b"desc", len(profile) + 12, len(tag))
    whole = profile[:128] + struct.pack(">I", count + 1) + moved + end + body + tag
    return struct.pack(">I", len(whole)) + whole[4:]


def chunked(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of skin with chunks in front of its pixels."""
    data = saved(skin(), "PNG")
    packed = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return data[:33] + packed + data[33:]


def with_nclx(data: bytes, points: CodePoints) -> bytes:
    """A HEIC or AVIF whose first color box says other code points."""
    at = data.index(b"nclx") + 4
    return data[:at] + struct.pack(">HH", points.primaries, points.transfer) + data[at + 4 :]


def heic() -> bytes:
    file = io.BytesIO()
    options = {"color_primaries": 1, "transfer_characteristics": 13, "matrix_coefficients": 6, "full_range_flag": 1}
    pillow_heif.from_pillow(skin()).save(file, quality=95, **options)
    return file.getvalue()


def middle(data: bytes) -> list[int]:
    rgb = open_photo(data).rgb
    return [int(value) for value in rgb[rgb.shape[0] // 2, rgb.shape[1] // 2]]


def test_the_expected_color_is_right() -> None:
    to_xyz = np.array([[0.48657, 0.26567, 0.19822], [0.22897, 0.69174, 0.07929], [0.0, 0.04511, 1.04394]])
    to_linear = np.array([[3.24097, -1.53738, -0.49861], [-0.96924, 1.87597, 0.04156], [0.05563, -0.20398, 1.05697]])
    light = to_linear @ to_xyz @ TRANSFERS[13](np.array(SKIN) / 255)
    assert (255 * (1.055 * light ** (1 / 2.4) - 0.055)) == pytest.approx(SRGB_OF_P3_SKIN, abs=1)


SAID_IN: dict[str, Callable[[], bytes]] = {
    "ICC in JPEG": lambda: saved(skin(), "JPEG", quality=100, icc_profile=profile(P3)),
    "ICC named sRGB": lambda: saved(
        skin(), "JPEG", quality=100, icc_profile=named(profile(P3), "sRGB EOTF with DCI-P3 Color Gamut")
    ),
    "ICC in WebP": lambda: saved(skin(), "WEBP", lossless=True, icc_profile=profile(P3)),
    "ICC in PNG": lambda: saved(skin(), "PNG", icc_profile=profile(P3)),
    "ICC in TIFF": lambda: saved(skin(), "TIFF", icc_profile=profile(P3)),
    "ICC in AVIF": lambda: saved(skin(), "AVIF", quality=100, icc_profile=profile(P3)),
    "cICP in PNG": lambda: chunked((b"cICP", bytes([12, 13, 0, 1]))),
    "cICP before iCCP": lambda: chunked(
        (b"cICP", bytes([12, 13, 0, 1])), (b"iCCP", b"x\0\0" + zlib.compress(adobe_rgb()))
    ),
    "cHRM and gAMA": lambda: chunked(
        (b"gAMA", struct.pack(">I", 45455)),
        (b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)),
    ),
    "nclx in HEIC": lambda: with_nclx(heic(), P3),
    "nclx in AVIF": lambda: with_nclx(saved(skin(), "AVIF", quality=100), P3),
}


@pytest.mark.parametrize("where", SAID_IN)
def test_display_p3_becomes_srgb_wherever_the_file_says_it(where: str) -> None:
    assert middle(SAID_IN[where]()) == pytest.approx(SRGB_OF_P3_SKIN, abs=3)


@pytest.mark.parametrize("name", ["Display P3", "c2", "sRGB", "", "s\0R\0G\0B"])
def test_the_name_of_a_profile_says_nothing(name: str) -> None:
    picture = np.asarray(to_srgb(skin(), named(profile(P3), name)))
    assert picture[0, 0].tolist() == pytest.approx(SRGB_OF_P3_SKIN, abs=1)


@pytest.mark.parametrize("primaries", sorted(PRIMARIES))
@pytest.mark.parametrize("transfer", sorted(TRANSFERS.keys() - {16, 18}))
def test_white_stays_white_and_black_black(primaries: int, transfer: int) -> None:
    made = CodePoints(primaries, transfer).profile()
    for level in (0, 255):
        gray = Image.new("RGB", (2, 2), (level,) * 3)
        assert np.abs(np.asarray(to_srgb(gray, made)).astype(int) - level).max() <= 1


@pytest.mark.parametrize("points", [(1, 13), (2, 2), (1, 1), (2, 13), (12, 200), (77, 13)])
def test_code_points_that_mean_srgb_or_nothing_change_nothing(points: tuple[int, int]) -> None:
    assert CodePoints(*points).profile() is None


def test_an_srgb_profile_of_any_maker_leaves_the_very_pixels() -> None:
    colors = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    for made in (
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        matrix_profile(PRIMARIES[1], TRANSFERS[13]),
    ):
        assert np.array_equal(np.asarray(to_srgb(Image.fromarray(colors), made)), colors)


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_is_rolled_off_without_steps_back(transfer: int) -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    levels = np.asarray(to_srgb(Image.fromarray(ramp), profile(CodePoints(1, transfer))))[0, :, 0].astype(int)
    assert np.diff(levels).min() >= 0
    assert levels[0] == 0
    white = {16: 148, 18: 191}[transfer]  # what shows paper: 203 cd/m², 75 % of the signal
    assert 215 <= levels[white] <= 250


def test_a_camera_that_means_adobe_rgb_says_so_in_exif() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 0xFFFF
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    told = saved(skin(), "JPEG", quality=100, exif=exif)
    by_profile = saved(skin(), "JPEG", quality=100, icc_profile=adobe_rgb())
    assert middle(told) == middle(by_profile)
    assert middle(told)[0] > SKIN[0] + 8


def test_a_gray_profile_counts_too() -> None:
    linear = gray_profile(gamma=1.0)
    gray = Image.new("L", (8, 8), 64)
    assert middle(saved(gray, "PNG", icc_profile=linear)) == pytest.approx([137] * 3, abs=2)


def gray_profile(gamma: float) -> bytes:
    made = matrix_profile(PRIMARIES[1], lambda value: value**gamma)
    made = made.replace(b"RGB XYZ ", b"GRAYXYZ ").replace(b"rTRC", b"kTRC")
    return made


@pytest.mark.parametrize("chromaticities", [(0.0,) * 8, (0.3, 0.3) * 4, (1.0,) * 8])
def test_chromaticities_that_span_nothing_are_passed_over(chromaticities: Any) -> None:
    assert gamma_profile(chromaticities, 0.45) is None


@pytest.mark.parametrize("gamma", [0.0, 9.0])
def test_an_impossible_gamma_is_passed_over(gamma: float) -> None:
    assert gamma_profile(PRIMARIES[12], gamma) is None
