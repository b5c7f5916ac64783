"""A latent knows which models made it, and refuses to be read as anything else."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.domain.errors import LatentMismatch
from core.face.skin_tone import PHOTO_ERROR
from core.latent.latent import Latent


def make_latent(*, generator: str = "g@1", value: float = 0.25) -> Latent:
    return Latent(
        w=np.full((23, 512), value, np.float32),
        descriptor=np.zeros(128, np.float32),
        generator=generator,
        encoder="e@1",
    )


def test_a_latent_comes_back_from_its_bytes_and_from_its_file(tmp_path: Path) -> None:
    latent = make_latent()
    again = Latent.from_bytes(latent.to_bytes())
    assert np.array_equal(again.w, latent.w)
    assert (again.generator, again.encoder) == ("g@1", "e@1")
    latent.save(tmp_path / "latent.npz")
    assert np.array_equal(Latent.load(tmp_path / "latent.npz").w, latent.w)


def test_the_colour_of_skin_is_kept_and_may_be_unknown() -> None:
    known = Latent.from_bytes(replace(make_latent(), skin=np.array([60, 12, 18], np.float32)).to_bytes())
    assert known.skin.tolist() == [60, 12, 18]
    assert np.isnan(Latent.from_bytes(make_latent().to_bytes()).skin).all()
    with pytest.raises(LatentMismatch):
        replace(make_latent(), skin=np.array([np.inf, 0, 0], np.float32))


def test_a_latent_that_was_kept_before_colours_were_is_read() -> None:
    latent = make_latent()
    file = io.BytesIO()
    np.savez(file, w=latent.w, descriptor=latent.descriptor, generator=np.array("g"), encoder=np.array("e"))
    assert np.isnan(Latent.from_bytes(file.getvalue()).skin).all()
    assert np.array_equal(Latent.from_bytes(file.getvalue()).skin_error, PHOTO_ERROR)


def test_another_generator_s_latent_is_refused() -> None:
    with pytest.raises(LatentMismatch) as caught:
        make_latent(generator="g@2").require("g@1")
    assert caught.value.facts() == {"expected": "g@1", "found": "g@2"}


@pytest.mark.parametrize("data", [b"", b"not a zip", b"PK\x03\x04 cut short"])
def test_bytes_that_are_no_latent_are_refused(data: bytes) -> None:
    with pytest.raises(LatentMismatch):
        Latent.from_bytes(data)


def test_an_npz_without_the_right_arrays_is_refused() -> None:
    file = io.BytesIO()
    np.savez(file, w=np.zeros((18, 512), np.float32), generator=np.array("g"), encoder=np.array("e"))
    with pytest.raises(LatentMismatch):
        Latent.from_bytes(file.getvalue())


def test_pickled_objects_are_not_read() -> None:
    file = io.BytesIO()
    np.savez(file, w=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(LatentMismatch):
        Latent.from_bytes(file.getvalue())


def test_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(LatentMismatch):
        make_latent(value=float("nan"))
