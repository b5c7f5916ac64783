"""What leaves the house: files that can be read back and say what they are, and strips."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from core.output.images import MADE_BY_A_MODEL, SAID_IN_WORDS, encode_picture, mark_corner, resize_area, strip
from core.photo.decode import open_photo
from tests.support.photos.drawn_faces import Pixels, drawn


def read(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def test_a_png_keeps_every_pixel_and_every_word() -> None:
    picture = drawn("child")
    told = read(encode_picture(picture, text={"age": "6", "Description": "дитя & <child>"}))
    assert told.format == "PNG"
    assert np.array_equal(np.asarray(told), picture)
    assert told.info["age"] == "6"
    assert told.info["Description"] == "дитя & <child>"


def test_a_jpeg_keeps_nearly_every_pixel_and_every_word() -> None:
    picture = drawn("child")
    told = read(encode_picture(picture, kind="jpeg", text={"age": "6", "name": "Дитя"}))
    assert told.format == "JPEG"
    assert np.abs(np.asarray(told).astype(float) - picture).mean() < 2
    assert told.info["comment"].decode() == "age: 6\nname: Дитя"


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_every_file_says_that_a_model_made_it(kind: str) -> None:
    data = encode_picture(drawn(), kind=kind)  # type: ignore[arg-type]
    assert MADE_BY_A_MODEL.encode() in data
    told = read(data)
    packet = told.info["XML:com.adobe.xmp"] if kind == "png" else told.info["xmp"].decode()
    assert f"<Iptc4xmpExt:DigitalSourceType>{MADE_BY_A_MODEL}<" in packet


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_viewers_and_people_are_told_in_words(kind: str) -> None:
    told = read(encode_picture(drawn(), kind=kind))  # type: ignore[arg-type]
    exif = told.getexif()
    assert exif[ExifTags.Base.ImageDescription] == SAID_IN_WORDS
    assert exif[ExifTags.Base.Software] == "ChildFace"
    if kind == "png":
        assert (told.info["Source"], told.info["Disclaimer"]) == (MADE_BY_A_MODEL, SAID_IN_WORDS)


@pytest.mark.parametrize("ground", [0, 128, 255])
@pytest.mark.parametrize("size", [(256, 256), (1024, 1024), (300, 2200)])
def test_the_corner_mark_is_seen_on_every_ground_and_only_in_its_corner(ground: int, size: tuple[int, int]) -> None:
    before = np.full((*size, 3), ground, np.uint8)
    after = mark_corner(before)
    assert (before == ground).all() and after.shape == before.shape
    rows, columns = np.nonzero((after != before).any(axis=2))
    side = min(size)
    assert rows.min() > size[0] - side / 10 and columns.min() > size[1] - side / 10
    assert np.abs(after.astype(int) - ground).max() > 60
    assert len(rows) < 0.01 * before[..., 0].size


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_what_we_send_we_can_open(kind: str) -> None:
    assert open_photo(encode_picture(drawn(), kind=kind)).rgb.shape == (256, 256, 3)  # type: ignore[arg-type]


def test_an_unknown_kind_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="bmp"):
        encode_picture(drawn(), kind="bmp")  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3))])
def test_what_is_no_picture_is_our_mistake(wrong: Pixels) -> None:
    with pytest.raises(ValueError, match="uint8"):
        encode_picture(wrong)


def test_shrinking_takes_the_mean_of_an_area() -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[:2, :2] = [[[10, 0, 0], [20, 0, 0]], [[30, 0, 0], [40, 0, 0]]]
    assert resize_area(picture, 2)[..., 0].tolist() == [[25, 0], [0, 0]]


def test_the_size_it_has_is_left_alone() -> None:
    picture = drawn()
    assert resize_area(picture, 256) is picture


def test_enlarging_and_shrinking_again_changes_little() -> None:
    picture = drawn()
    again = resize_area(resize_area(picture, 512), 256)
    assert np.abs(again.astype(float) - picture).mean() < 2


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 255))
def test_a_plain_picture_stays_plain(before: int, after: int, value: int) -> None:
    assert np.all(resize_area(np.full((before, before, 3), value, np.uint8), after) == value)


def test_a_strip_shows_each_picture_unchanged_and_in_order() -> None:
    pictures = [np.full((20, 30, 3), value, np.uint8) for value in (10, 20, 30)]
    sheet = strip(pictures, gap=4)
    assert sheet.shape == (28, 3 * 34 + 4, 3)
    for place, picture in enumerate(pictures):
        left = 4 + place * 34
        assert np.array_equal(sheet[4:24, left : left + 30], picture)
    assert np.all(sheet[:, :4] == 255)


def test_labels_are_written_below_and_leave_the_pictures_alone() -> None:
    pictures = [drawn("woman"), drawn("man")]
    plain, labelled = strip(pictures), strip(pictures, ["1 year", "40 years"])
    assert labelled.shape[0] > plain.shape[0]
    assert np.array_equal(labelled[8:264, 8:264], pictures[0])
    assert (labelled[265:] < 128).any()
    left, right = labelled[265:, :268], labelled[265:, 268:]
    assert (left < 128).any() and (right < 128).any()


def test_a_strip_of_nothing_of_two_sizes_or_with_a_label_too_many_is_our_mistake() -> None:
    small, large = np.zeros((4, 4, 3), np.uint8), np.zeros((5, 5, 3), np.uint8)
    for pictures, labels in (([], None), ([small, large], None), ([small], ["a", "b"])):
        with pytest.raises(ValueError):
            strip(pictures, labels)
