from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from childface.cli.error_texts import SENTENCES
from childface.cli.options import LOOK_OPTIONS
from core.domain import errors
from core.domain.child_spec import LOOKS
from core.domain.errors import MissingWeights, SeveralFaces, UnsafePhoto
from core.latent.latent import Latent
from tests.childface.conftest import Terminal
from tests.support.fake_pipeline import ENCODER, GENERATOR, NOT_A_FACE

KEYS = ["image", "age", "estimated_age", "sex", "mix", "seed", "genes", "code", "likeness", "timings_ms"]
KEYS += ["generator", "encoder"]


def shape_of(path: str) -> tuple[str | None, tuple[int, int]]:
    with Image.open(path) as picture:
        return picture.format, picture.size


def test_make_writes_the_picture_and_prints_its_path(terminal: Terminal) -> None:
    run = terminal.run("make", "mom.jpg", "dad.jpg")

    assert (run.code, run.out) == (0, "child.png\n")
    assert "looks 6" in run.err and "like mom" in run.err and "code " in run.err
    assert shape_of("child.png") == ("PNG", (1024, 1024))


def test_make_prints_one_object_with_the_promised_keys(terminal: Terminal) -> None:
    wish = ("--age", "12", "--sex", "boy", "--mix", "0", "--seed", "7", "--size", "256", "-o", "son.jpg")
    run = terminal.run("make", "mom.jpg", "dad.jpg", *wish, "--json")

    assert list(run.json) == [*KEYS, "warnings"]
    assert {name: run.json[name] for name in ("image", "age", "sex", "mix", "seed")} == {
        "image": "son.jpg",
        "age": 12.0,
        "sex": "boy",
        "mix": 0.0,
        "seed": 7,
    }
    assert run.json["likeness"] == {"mom": 0.7, "dad": 0.6}
    assert run.json["timings_ms"]["mom_encode"] == 2.0
    assert (run.json["generator"], run.json["encoder"]) == (GENERATOR, ENCODER)
    assert shape_of("son.jpg") == ("JPEG", (256, 256))


def test_warnings_are_notes_on_stderr_or_part_of_the_object(terminal: Terminal) -> None:
    Path("mom.jpg").write_bytes(b"photo of mom, dark")

    assert "note: mom: dark" in terminal.run("make", "mom.jpg", "dad.jpg").err
    run = terminal.run("make", "mom.jpg", "dad.jpg", "--json")
    assert (run.json["warnings"], run.err) == (["mom: dark"], "")


def test_refine_refines_both_parents(terminal: Terminal) -> None:
    plain = terminal.run("make", "mom.jpg", "dad.jpg", "-o", "plain.png")
    refined = terminal.run("make", "mom.jpg", "dad.jpg", "--refine", "-o", "refined.png")

    assert plain.code == refined.code == 0
    assert terminal.pipeline.calls["refine"] == 2
    assert Path("plain.png").read_bytes() != Path("refined.png").read_bytes()


def test_a_group_of_ages_is_drawn_at_its_middle(terminal: Terminal) -> None:
    run = terminal.run("make", "mom.jpg", "dad.jpg", "--age-group", "11-20", "--json")
    assert run.json["age"] == 15.0


def test_grow_lays_the_ages_side_by_side(terminal: Terminal) -> None:
    run = terminal.run("grow", "mom.jpg", "dad.jpg", "--ages", "1, 6,30", "--json")

    assert list(run.json) == [*KEYS, "warnings"]
    assert run.json["age"] == [1.0, 6.0, 30.0]
    assert run.json["likeness"] == {"mom": [0.7] * 3, "dad": [0.6] * 3}
    _, (width, height) = shape_of("strip.png")
    assert width > 3 * 256 and height < 2 * 256


@pytest.mark.parametrize(
    ("args", "name", "kind"),
    [
        (("-o", "film.gif"), "film.gif", "GIF"),
        (("-o", "strip.jpg"), "strip.jpg", "JPEG"),
        (("-o", "growing", "--format", "gif"), "growing", "GIF"),
        (("-o", "strip.png", "--format", "jpeg"), "strip.png", "JPEG"),
    ],
)
def test_grow_writes_what_the_name_or_the_format_asks_for(
    terminal: Terminal, args: tuple[str, ...], name: str, kind: str
) -> None:
    assert terminal.run("grow", "mom.jpg", "dad.jpg", "--ages", "1,6", *args).out == f"{name}\n"
    assert shape_of(name)[0] == kind


def test_grow_writes_an_mp4(terminal: Terminal) -> None:
    run = terminal.run("grow", "mom.jpg", "dad.jpg", "--ages", "1,6", "-o", "film.mp4", "--json")
    assert run.json["age"] == [1.0, 6.0]
    assert Path("film.mp4").read_bytes()[4:8] == b"ftyp"
    assert terminal.pipeline.calls["film"] == 1


def test_draw_changes_looks(terminal: Terminal) -> None:
    terminal.run("encode", "mom.jpg", "-o", "mom.npz")
    assert terminal.run("draw", "mom.npz", "--smile", "0.5", "--hair-length", "-1").code == 0
    assert terminal.pipeline.calls["change_looks"] == 1


def test_a_code_repeats_the_wish_and_options_change_it(terminal: Terminal) -> None:
    wish = ("--age", "9", "--sex", "boy", "--seed", "7", "--genes", "eyes=mom,nose=dad", "--smile", "0.5")
    code = terminal.run("make", "mom.jpg", "dad.jpg", *wish, "--json").json["code"]

    again = terminal.run("make", "mom.jpg", "dad.jpg", "--code", code, "--json").json
    assert (again["code"], again["age"], again["sex"], again["seed"]) == (code, 9.0, "boy", 7)
    assert (again["genes"]["eyes"], again["genes"]["nose"]) == ("mom", "dad")

    older = terminal.run("make", "mom.jpg", "dad.jpg", "--code", code, "--age", "20", "--genes", "eyes=dad", "--json")
    assert (older.json["age"], older.json["sex"], older.json["genes"]["eyes"]) == (20.0, "boy", "dad")


def test_every_look_has_an_option() -> None:
    assert tuple(LOOK_OPTIONS) == LOOKS


def test_a_latent_takes_the_place_of_a_photo(terminal: Terminal) -> None:
    terminal.run("encode", "mom.jpg", "-o", "mom.npz")
    terminal.run("make", "mom.jpg", "dad.jpg", "-o", "a.png")
    terminal.run("make", "mom.npz", "dad.jpg", "-o", "b.png")

    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


def test_encode_tells_what_it_saw(terminal: Terminal) -> None:
    run = terminal.run("encode", "mom.jpg", "--json")

    assert (run.json["latent"], run.json["sex"], run.json["age"]) == ("latent.npz", "female", 31.0)
    assert Path("latent.npz").exists()


def test_several_photos_of_one_person_become_one_latent(terminal: Terminal) -> None:
    Path("mom2.jpg").write_bytes(b"photo of mom at the sea")
    for names, out in ((["mom.jpg"], "a.npz"), (["mom2.jpg"], "b.npz"), (["mom.jpg", "mom2.jpg"], "both.npz")):
        assert terminal.run("encode", *names, "-o", out).code == 0
    a, b, both = (Latent.from_bytes(Path(name).read_bytes()).w for name in ("a.npz", "b.npz", "both.npz"))
    np.testing.assert_allclose(both, (a + b) / 2, atol=1e-2)
    terminal.run("encode", "mom.jpg", "a.npz").refuses(2, "a.npz", "a latent is not a photo")


def test_draw_draws_a_latent_at_its_own_or_another_age(terminal: Terminal) -> None:
    terminal.run("encode", "mom.jpg", "-o", "mom.npz")

    assert terminal.run("draw", "mom.npz", "-o", "now.png").out == "now.png\n"
    assert terminal.run("draw", "mom.npz", "-o", "older.png", "--age", "70", "--size", "512").code == 0
    assert terminal.pipeline.calls["age_face"] == 1
    assert shape_of("older.png") == ("PNG", (512, 512))


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("make", "mom.jpg"), ["DAD"]),
        (("make", "mom.jpg", "nobody.jpg"), ["nobody.jpg", "no such file"]),
        (("make", "mom.jpg", "."), [".: is a directory"]),
        (("make", "mom.jpg", "dad.jpg", "--age", "old"), ["--age", "valid number"]),
        (("make", "mom.jpg", "dad.jpg", "--age", "-3"), ["age is -3.0", "0 to 90"]),
        (("make", "mom.jpg", "dad.jpg", "--age", "nan"), ["age is nan"]),
        (("make", "mom.jpg", "dad.jpg", "--age-group", "20-11"), ["age-group is 20-11", "11-20"]),
        (("make", "mom.jpg", "dad.jpg", "--age", "6", "--age-group", "0-10"), ["exclude each other"]),
        (("make", "mom.jpg", "dad.jpg", "--mix", "101"), ["mix is 101", "0 to 100"]),
        (("make", "mom.jpg", "dad.jpg", "--sex", "king"), ["--sex", "girl"]),
        (("make", "mom.jpg", "dad.jpg", "--size", "300"), ["size is 300", "256, 512, 1024"]),
        (("make", "mom.jpg", "dad.jpg", "--seed", "-1"), ["seed is -1"]),
        (("make", "mom.jpg", "dad.jpg", "-o", "child.bmp"), ["child.bmp", ".png or .jpg"]),
        (("make", "mom.jpg", "dad.jpg", "-o", "child"), ["child: pictures are written as"]),
        (("make", "mom.jpg", "dad.jpg", "-o", "no/child.png"), ["there is no folder no"]),
        (("make", "mom.jpg", "dad.jpg", "--frobnicate"), ["--frobnicate"]),
        (("make", "mom.jpg", "dad.jpg", "--genes", "tail=mom"), ["genes is tail", "face, eyes"]),
        (("make", "mom.jpg", "dad.jpg", "--smile", "3"), ["smile is 3.0", "-1 to 1"]),
        (("make", "mom.jpg", "dad.jpg", "--code", "hello"), ["code is hello"]),
        (("grow", "mom.jpg", "dad.jpg", "-o", "film.avi"), [".gif or .mp4"]),
        (("grow", "mom.jpg", "dad.jpg", "--format", "avi"), ["--format", "mp4"]),
        (("draw", "mom.jpg", "--smile", "2"), ["smile is 2.0"]),
        (("grow", "mom.jpg", "dad.jpg", "--ages", "1,two"), ["--ages", "1,two"]),
        (("grow", "mom.jpg", "dad.jpg", "--ages", ","), ["--ages is empty"]),
        (("grow", "mom.jpg", "dad.jpg", "--ages", "1,200"), ["age is 200.0"]),
        (("encode", "mom.jpg", "-o", "mom.pkl"), ["mom.pkl", ".npz"]),
        (("encode", "mom.jpg", "--face", "0"), ["--face"]),
        (("draw", "nothing.npz"), ["nothing.npz"]),
        (("frobnicate",), ["frobnicate"]),
    ],
)
def test_what_cannot_be_right_is_refused_in_one_line_before_the_models_load(
    terminal: Terminal, args: tuple[str, ...], words: list[str]
) -> None:
    terminal.run(*args).refuses(2, *words)

    assert not terminal.pipeline.calls


def test_a_photo_without_a_face_names_the_file(terminal: Terminal) -> None:
    Path("dad.jpg").write_bytes(NOT_A_FACE)

    terminal.run("make", "mom.jpg", "dad.jpg").refuses(2, "dad.jpg: no face found")
    assert not Path("child.png").exists()


def test_several_faces_say_how_to_choose(terminal: Terminal) -> None:
    terminal.pipeline.raises["encode"] = [SeveralFaces(boxes=[(0, 0, 9, 9)] * 3)]

    terminal.run("make", "mom.jpg", "dad.jpg").refuses(2, "3 faces", "--mom-face")


def test_a_face_can_be_chosen_counting_from_one(terminal: Terminal) -> None:
    terminal.run("encode", "mom.jpg", "--face", "2", "-o", "second.npz")
    terminal.run("encode", "mom.jpg", "-o", "any.npz")

    assert Path("second.npz").read_bytes() != Path("any.npz").read_bytes()


def test_an_empty_and_a_huge_file_are_refused_unread(terminal: Terminal) -> None:
    Path("mom.jpg").write_bytes(b"")
    terminal.run("encode", "mom.jpg").refuses(2, "mom.jpg: the file is empty")

    with Path("mom.jpg").open("wb") as file:
        file.truncate(50 * 2**30)
    terminal.run("encode", "mom.jpg").refuses(2, "mom.jpg: the picture is too large")


def test_missing_weights_end_with_three(terminal: Terminal) -> None:
    terminal.pipeline.raises["encode"] = [MissingWeights(name="generator", path="/w")]

    terminal.run("encode", "mom.jpg").refuses(3, "generator is missing", "childface weights fetch")


def test_our_own_mistake_ends_with_one_and_the_debug_option_shows_where(terminal: Terminal) -> None:
    terminal.pipeline.raises["encode"] = [ZeroDivisionError("oh"), ZeroDivisionError("oh")]

    terminal.run("encode", "mom.jpg").refuses(1, "ZeroDivisionError: oh", "--debug")
    assert "Traceback" in terminal.run("--debug", "encode", "mom.jpg").err


def test_an_interrupt_ends_with_130(terminal: Terminal) -> None:
    terminal.pipeline.raises["encode"] = [KeyboardInterrupt()]

    terminal.run("encode", "mom.jpg").refuses(130, "interrupted")


def test_every_error_of_the_pipeline_has_a_sentence() -> None:
    found = {
        kind.code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.ChildFaceError) and not kind.__subclasses__()
    }
    assert found == set(SENTENCES)


@pytest.mark.parametrize(
    "command",
    [("make", "mom.jpg", "dad.jpg"), ("grow", "mom.jpg", "dad.jpg"), ("encode", "mom.jpg")],
    ids=lambda c: c[0],
)
def test_the_check_for_indecent_photos_is_left_out_only_when_that_is_said(
    terminal: Terminal, command: tuple[str, ...]
) -> None:
    limits = []
    for more in ((), ("--no-nsfw-check",)):
        assert terminal.run(*command, *more).code == 0
        assert terminal.loaded_with is not None
        limits.append(terminal.loaded_with.nsfw_limit)
    assert limits == [0.8, 1.0]


def test_an_indecent_photo_is_refused_with_its_score_and_a_way_for_research(terminal: Terminal) -> None:
    terminal.pipeline.raises["encode"] = [UnsafePhoto(score=0.97, limit=0.8)]
    terminal.run("make", "mom.jpg", "dad.jpg").refuses(2, "mom.jpg", "0.97", "--no-nsfw-check")


COMMANDS = [
    ("make", "mom.jpg", "dad.jpg"), ("grow", "mom.jpg", "dad.jpg"), ("card", "mom.jpg", "dad.jpg"),
    ("encode", "mom.jpg"),
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c[0])
def test_a_parent_who_may_be_underage_is_warned_about_until_somebody_states_otherwise(
    terminal: Terminal, command: tuple[str, ...]
) -> None:
    terminal.pipeline.parent_age = (20.0, 3.0)
    run = terminal.run(*command)
    assert run.code == 0 and "--adult" in run.err
    assert terminal.run(*command, "--json").json["warnings"][0].endswith("may_be_underage")
    assert terminal.run(*command, "--json", "--adult").json["warnings"] == []


def test_a_parent_who_looks_underage_is_warned_about_whatever_is_stated(terminal: Terminal) -> None:
    terminal.pipeline.parent_age = (9.0, 1.0)
    run = terminal.run("make", "mom.jpg", "dad.jpg", "--adult")
    assert run.code == 0 and "note: dad: this person looks under age" in run.err
    terminal.change(youngest_parent=0.0)
    assert "under age" not in terminal.run("make", "mom.jpg", "dad.jpg").err


def test_a_latent_tells_no_age_and_is_not_warned_about(terminal: Terminal) -> None:
    terminal.pipeline.parent_age = (20.0, 3.0)
    assert terminal.run("encode", "mom.jpg", "-o", "mom.npz").code == 0
    run = terminal.run("make", "mom.npz", "dad.jpg", "--json")
    assert run.json["warnings"] == ["dad: may_be_underage"]


@pytest.mark.parametrize("wanted", [True, False])
def test_pictures_on_disk_bear_the_mark_in_the_corner_unless_it_is_switched_off(
    terminal: Terminal, wanted: bool
) -> None:
    if not wanted:
        terminal.change(corner_mark=False)
    assert terminal.run("make", "mom.jpg", "dad.jpg", "--size", "256").code == 0
    with Image.open("child.png") as picture:
        pixels = picture.convert("L")
        assert (len(pixels.crop((220, 220, 256, 256)).getcolors() or []) > 5) is wanted
        assert len(pixels.crop((0, 0, 200, 200)).getcolors() or []) == 1


@contextmanager
def full_disk() -> Iterator[None]:
    """The system refuses to let any file of this process grow beyond 64 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


WRITERS = [("make", "mom.jpg", "dad.jpg", "-o", "out.png"), ("encode", "mom.jpg", "-o", "out.npz")]
WRITERS += [("grow", "mom.jpg", "dad.jpg", "--ages", "3,9", "-o", "out.gif")]


@pytest.mark.parametrize("command", WRITERS, ids=" ".join)
def test_a_full_disk_is_named_and_leaves_the_file_that_was_there(terminal: Terminal, command: tuple[str, ...]) -> None:
    out = terminal.home / command[-1]
    for before in (None, b"an earlier one"):
        if before:
            out.write_bytes(before)
        files = set(terminal.home.iterdir())
        with full_disk():
            run = terminal.run(*command)
        assert (run.code, run.out) == (3, "")
        assert f"{out.name} cannot be written in {terminal.home}: " in run.err
        assert set(terminal.home.iterdir()) == files
        assert before is None or out.read_bytes() == before


def test_a_folder_that_takes_no_files_is_named(terminal: Terminal) -> None:
    terminal.run("make", "mom.jpg", "dad.jpg", "-o", "/proc/child.png").refuses(3, "cannot be written in /proc")


def test_a_picture_may_go_to_what_is_no_plain_file(terminal: Terminal) -> None:
    (terminal.home / "out.png").symlink_to("/dev/null")
    assert terminal.run("make", "mom.jpg", "dad.jpg", "-o", "out.png").code == 0
    assert (terminal.home / "out.png").is_symlink()
