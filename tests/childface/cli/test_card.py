"""`childface card`."""

from __future__ import annotations

import pytest
from PIL import Image

from bots.i18n.child_names import child_name
from tests.childface.conftest import Terminal


def test_the_card_is_written_and_its_path_printed(terminal: Terminal) -> None:
    run = terminal.run("card", "mom.jpg", "dad.jpg")

    assert (run.code, run.out) == (0, "card.png\n")
    with Image.open("card.png") as card:
        assert card.size == (1280, 800)
        assert "trainedAlgorithmicMedia" in card.info["XML:com.adobe.xmp"]


def test_it_shows_the_faces_of_the_photos_and_the_child(terminal: Terminal) -> None:
    terminal.run("card", "mom.jpg", "dad.jpg")

    with Image.open("card.png") as card:
        mom, dad = card.getpixel((210, 350)), card.getpixel((580, 350))
    assert (mom, dad) == ((200, 200, 200), (100, 100, 100))  # the faces that the fake pipeline cuts out


def test_names_age_and_language_change_it(terminal: Terminal) -> None:
    pictures = set()
    for options in ((), ("--names", "Anna, Ben"), ("--age", "12"), ("--language", "ar")):
        assert terminal.run("card", "mom.jpg", "dad.jpg", *options).code == 0
        with Image.open("card.png") as card:
            pictures.add(card.tobytes())
    assert len(pictures) == 4


def test_latents_make_a_card_as_well(terminal: Terminal) -> None:
    terminal.run("encode", "mom.jpg", "-o", "mom.npz")

    assert terminal.run("card", "mom.npz", "dad.jpg", "-o", "card.jpg", "--json").json["image"] == "card.jpg"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--names", "Anna"), "--names is 'Anna'"),
        (("--names", "a,b,c,d"), "--names"),
        (("--names", f"{'x' * 30},Ben"), "24 letters"),
        (("--language", "tlh"), "--language is 'tlh'"),
        (("-o", "card.bmp"), "pictures are written as"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_loaded(
    terminal: Terminal, options: tuple[str, ...], told: str
) -> None:
    run = terminal.run("card", "mom.jpg", "dad.jpg", *options)

    assert run.code == 2
    assert told in run.err


def test_the_name_is_the_one_that_the_chat_gives() -> None:
    assert child_name(0, "girl", "en") == child_name(0, "girl", "en-GB")
