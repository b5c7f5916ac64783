"""Everything that reads bytes which may have been changed, or were never ours: photo decoding, blobs, latents."""

from __future__ import annotations

import io
import secrets
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from core.domain.errors import LatentMismatch, PhotoError
from core.latent.latent import Latent
from core.photo.decode import FORMATS, open_photo
from storage.blobs import DiskBlobs
from storage.encryption.sealing import Ring
from storage.errors import BlobDamaged, WrongKey
from tests.support.photos.good_photos import good_files, saved

ROOT = Path(__file__).parents[2]
GOOD = good_files()
MAX_PIXELS = 4_000_000
patiently = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# --- photo decoding -----------------------------------------------------------------------------------------


def photo_or_refusal(data: bytes) -> None:
    try:
        photo = open_photo(data, max_pixels=MAX_PIXELS)
    except PhotoError:
        return
    assert photo.format in FORMATS
    assert photo.rgb.dtype == np.uint8
    assert photo.rgb.shape[2] == 3
    assert 0 < photo.rgb.size <= 3 * MAX_PIXELS


@patiently
@given(st.sampled_from(sorted(GOOD)), st.integers(0, 200), st.binary(min_size=1, max_size=16))
def test_a_photo_with_any_header_is_a_photo_or_a_refusal(name: str, at: int, written: bytes) -> None:
    """Lengths, sizes, counts, offsets: what decoders trust stands in the first bytes."""
    photo_or_refusal(GOOD[name][:at] + written + GOOD[name][at + len(written) :])


@patiently
@given(st.sampled_from(sorted(GOOD)), st.floats(0, 1), st.binary(max_size=8))
def test_a_photo_that_ends_anywhere_is_a_photo_or_a_refusal(name: str, share: float, tail: bytes) -> None:
    photo_or_refusal(GOOD[name][: int(share * len(GOOD[name]))] + tail)


@patiently
@given(st.sampled_from(sorted(GOOD)), st.sampled_from(sorted(GOOD)), st.floats(0, 1), st.floats(0, 1))
def test_two_photos_grown_together_are_a_photo_or_a_refusal(one: str, other: str, first: float, second: float) -> None:
    photo_or_refusal(GOOD[one][: int(first * len(GOOD[one]))] + GOOD[other][int(second * len(GOOD[other])) :])


ENTRIES = st.lists(
    st.tuples(st.integers(0, 0xFFFF), st.integers(0, 14), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    max_size=12,
)


def exif_of(order: str, entries: list[tuple[int, int, int, int]], following: int) -> bytes:
    """A TIFF directory as EXIF has it: tag, type, count, value or offset."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    body = b"".join(struct.pack(order + "HHII", *entry) for entry in entries)
    return head + struct.pack(order + "H", len(entries)) + body + struct.pack(order + "I", following)


def with_exif(name: str, exif: bytes) -> bytes:
    if name == "png":
        at = GOOD["png"].index(b"IDAT") - 4
        chunk = struct.pack(">I", len(exif)) + b"eXIf" + exif + struct.pack(">I", zlib.crc32(b"eXIf" + exif))
        return GOOD["png"][:at] + chunk + GOOD["png"][at:]
    segment = b"Exif\0\0" + exif
    return b"\xff\xd8\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + GOOD["jpeg"][2:]


@patiently
@given(st.sampled_from(["jpeg", "png"]), st.sampled_from("<>"), ENTRIES, st.integers(0, 2**32 - 1))
@example("jpeg", "<", [(0x0112, 3, 1, 6)], 8)  # a directory that follows itself
@example("jpeg", "<", [(0x8769, 4, 1, 8)], 0)  # one within itself
@example("png", ">", [(0x0112, 2, 2**32 - 1, 2**32 - 1)], 0)
def test_exif_of_any_kind_spoils_no_photo(
    name: str, order: str, entries: list[tuple[int, int, int, int]], following: int
) -> None:
    photo = open_photo(with_exif(name, exif_of(order, entries, following)))
    assert photo.rgb.shape == (96, 96, 3)


@patiently
@given(st.sampled_from(["jpeg", "png"]), st.binary(max_size=200))
def test_exif_of_any_bytes_spoils_no_photo(name: str, exif: bytes) -> None:
    assert open_photo(with_exif(name, exif)).rgb.shape == (96, 96, 3)


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes().replace(b"sRGB", b"mine")
"""A profile whose name is not skipped."""


@patiently
@given(
    st.sampled_from(["JPEG", "PNG", "WEBP", "TIFF"]),
    st.sampled_from(["RGB", "CMYK", "L"]),
    st.lists(st.tuples(st.integers(0, len(SRGB) - 1), st.binary(min_size=1, max_size=4)), max_size=10),
    st.integers(0, len(SRGB)),
)
def test_a_profile_of_any_bytes_spoils_no_photo(
    format: str, mode: str, changes: list[tuple[int, bytes]], cut: int
) -> None:
    profile = bytearray(SRGB)
    for at, written in changes:
        profile[at : at + len(written)] = written
    if mode == "CMYK" and format in ("PNG", "WEBP"):
        mode = "RGB"
    picture = Image.new(mode, (8, 8), 128 if mode == "L" else (128,) * len(mode))
    assert open_photo(saved(picture, format, icc_profile=bytes(profile[: cut or None]))).rgb.shape == (8, 8, 3)


def test_the_fuzzers_harness_runs(tmp_path: Path) -> None:
    """A second of it, where atheris is installed (`make fuzz` installs it)."""
    pytest.importorskip("atheris")
    harness = ROOT / "tests" / "fuzz" / "fuzz_photo.py"
    command = [sys.executable, str(harness), "corpus", "-runs=300", "-close_fd_mask=3"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert len(list((tmp_path / "corpus").glob("seed-*"))) == len(GOOD)


# --- what lies on the disk ----------------------------------------------------------------------------------

KEY = secrets.token_bytes(32)
NAME = "0" * 32


@given(st.binary(max_size=300))
@example(b"")
@example(b"CFB1")
@example(b"CFB1" + bytes(20))
def test_any_bytes_in_a_blobs_place_are_refused(sealed: bytes) -> None:
    with pytest.raises((BlobDamaged, WrongKey)):
        Ring([KEY]).open(NAME, sealed)


@given(st.binary(max_size=100), st.data())
def test_a_blob_with_one_bit_changed_is_refused(data: bytes, draw: st.DataObject) -> None:
    ring = Ring([KEY])
    sealed = bytearray(ring.seal(NAME, data))
    sealed[draw.draw(st.integers(0, len(sealed) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    with pytest.raises((BlobDamaged, WrongKey)):
        ring.open(NAME, bytes(sealed))


@given(st.binary(max_size=100), st.integers(0, 200))
def test_a_blob_that_was_cut_or_put_in_anothers_place_is_refused(data: bytes, cut: int) -> None:
    ring = Ring([KEY])
    sealed = ring.seal(NAME, data)
    assert ring.open(NAME, sealed) == data
    with pytest.raises((BlobDamaged, WrongKey)):
        ring.open("1" * 32, sealed)
    with pytest.raises((BlobDamaged, WrongKey)):
        ring.open(NAME, sealed[: min(cut, len(sealed) - 1)])


@given(st.binary(max_size=100), st.integers(0, 200))
def test_a_bound_blob_that_was_cut_or_put_in_anothers_place_is_refused(data: bytes, cut: int) -> None:
    ring = Ring([KEY])
    sealed = ring.seal_blob(NAME, "hers", data)
    assert ring.open_blob(NAME, "hers", sealed) == data
    for name, context in (("1" * 32, "hers"), (NAME, "his")):
        with pytest.raises((BlobDamaged, WrongKey)):
            ring.open_blob(name, context, sealed)
    for read in (lambda cut_off: ring.open_blob(NAME, "hers", cut_off), lambda cut_off: ring.renew_blob(NAME, cut_off)):
        with pytest.raises((BlobDamaged, WrongKey)):
            read(sealed[: min(cut, 60)])
    with pytest.raises((BlobDamaged, WrongKey)):
        ring.open_blob(NAME, "hers", sealed[: min(cut, len(sealed) - 1)])


@given(st.text(max_size=60) | st.sampled_from(["../key", "/etc/passwd", "a/../../b", NAME + "\n", NAME + "/"]))
def test_no_name_leads_out_of_the_blobs_folder(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    from storage.errors import BlobMissing

    with pytest.raises(BlobMissing):
        DiskBlobs(tmp_path_factory.getbasetemp() / "no-blobs", [KEY]).get(name, "photo")


LATENT = Latent(
    w=np.zeros((23, 512), np.float32), descriptor=np.zeros(128, np.float32), generator="g@1", encoder="e@1"
).to_bytes()


@patiently
@given(
    st.binary(max_size=200),
    st.lists(st.tuples(st.integers(0, len(LATENT) - 1), st.integers(0, 255)), max_size=8),
    st.integers(0, len(LATENT)),
)
def test_any_bytes_are_a_latent_or_are_refused(inserted: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    spoilt = bytearray(LATENT)
    for at, value in changes:
        spoilt[at] = value
    for data in (bytes(spoilt[:cut]) + inserted + bytes(spoilt[cut:]), inserted):
        try:
            read = Latent.from_bytes(data)
        except LatentMismatch:
            continue
        assert read.w.dtype == np.float32


def test_a_latent_that_swells_is_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as members:
        members.writestr("w.npy", bytes(200_000_000))
    with pytest.raises(LatentMismatch):
        Latent.from_bytes(file.getvalue())


def test_a_latent_with_objects_in_it_is_refused_unread(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> object:
            return (Path.touch, (tmp_path / "sprung",))

    file = io.BytesIO()
    np.savez(file, w=np.array([Trap()], dtype=object), descriptor=np.zeros(128), generator="g", encoder="e")
    with pytest.raises(LatentMismatch):
        Latent.from_bytes(file.getvalue())
    assert not (tmp_path / "sprung").exists()
