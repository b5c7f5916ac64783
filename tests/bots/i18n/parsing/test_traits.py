"""What people type about traits, looks and codes."""

from __future__ import annotations

import re

import pytest

from bots.conversation.handlers.requests import GROUP_CHOICES
from bots.i18n.languages import LANGUAGES
from bots.i18n.messages import render
from bots.i18n.parsing.traits import (
    GENE_SOURCES,
    LOOKS,
    SOURCES,
    TRAITS,
    find_code,
    read_genes,
    read_looks,
    read_source,
    read_strength,
    says_reset,
)
from bots.i18n.parsing.words import read_age, read_age_group, words_of
from core.domain import child_spec, genes

EYES_AND_NOSE = {"eyes": "mom", "nose": "dad"}


def test_the_names_are_those_of_the_pipeline_in_its_order() -> None:
    assert (TRAITS, SOURCES, LOOKS) == (genes.TRAITS, genes.SOURCES, child_spec.LOOKS)


@pytest.mark.parametrize(
    "text",
    [
        "eyes=mom nose=dad",
        "nose=dad,eyes=mom",
        "eyes: mom, nose: dad",
        "eyes from mom and nose from dad",
        "mom's eyes, dad’s nose",
        "mom eyes dad nose",
        "Eyes Mom Nose Dad!",
        "eyes from mom and dad's nose",
        "the eyes of the mother; the nose of the father",
        "ojos de mamá y nariz de papá",
        "olhos da mãe, nariz do pai",
        "глаза от мамы, нос от папы",
        "мамины глаза и папин нос",
        "Augen von Mama und Nase von Papa",
        "Mamas Augen, Papas Nase",
        "आँखें माँ की और नाक पापा की",
        "眼睛像妈妈，鼻子像爸爸",
        "妈妈的眼睛和爸爸的鼻子",
        "عيون أمي وأنف أبي",
        "العينان من الأم والأنف من الأب",
    ],
)
def test_genes_are_read_as_people_say_them(text: str) -> None:
    assert read_genes(text) == EYES_AND_NOSE


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("eyes nose dad", {"eyes": "dad", "nose": "dad"}),
        ("mom: eyes, mouth and chin", {"eyes": "mom", "mouth": "mom", "jaw": "mom"}),
        ("lips both, eyebrows random", {"brows": "chance", "mouth": "both"}),
        ("hair=half", {"hair": "both"}),
        ("eyes mom, eyes mom", {"eyes": "mom"}),
    ],
)
def test_several_traits_of_one_parent_and_other_words(text: str, wanted: dict[str, str]) -> None:
    assert read_genes(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "eyes",
        "mom",
        "mom dad eyes",
        "eyes mom nose",
        "eyes=cat",
        "eyes=mom tail=dad",
        "eyes=mom eyes=dad",
        "=",
        "👀",
    ],
)
def test_what_is_not_clear_is_not_guessed_at(text: str) -> None:
    assert read_genes(text) is None


@pytest.mark.parametrize(
    ("text", "source"),
    [("dad", "dad"), ("from Mom!", "mom"), ("mom and dad", None), ("eyes", None), ("egal", "chance")],
)
def test_whose_one_trait_shall_be(text: str, source: str | None) -> None:
    assert read_source(text) == source


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("glasses=1 hair=-0.5", {"glasses": 1.0, "hair": -0.5}),
        ("hair: -0,5, glasses", {"glasses": 1.0, "hair": -0.5}),
        ("no glasses, beard 50%", {"glasses": 0.0, "beard": 0.5}),
        ("glasses off; hair length .25", {"glasses": 0.0, "hair_length": 0.25}),
        ("hair-length −1", {"hair_length": -1.0}),
        ("glasses on", {"glasses": 1.0}),
        ("gafas y barba", {"glasses": 1.0, "beard": 1.0}),
        ("ohne Brille", {"glasses": 0.0}),
        ("眼镜 1，微笑 0.5", {"smile": 0.5, "glasses": 1.0}),
        ("борода 0,5", {"beard": 0.5}),
        ("لحية ٠٫٥", {"beard": 0.5}),
    ],
)
def test_looks_are_read_as_people_write_them(text: str, looks: dict[str, float]) -> None:
    assert read_looks(text) == looks


@pytest.mark.parametrize(
    "text", ["", "1", "ears=1", "glasses=1.5", "glasses=-2", "hair=1 hair=0", "glasses 1 2", "no", "hair=nan", "👓"]
)
def test_looks_that_do_not_exist_are_not_guessed_at(text: str) -> None:
    assert read_looks(text) is None


@pytest.mark.parametrize(
    ("text", "strength"),
    [("0.5", 0.5), ("-1", -1.0), ("50 %", 0.5), ("½", None), ("1.01", None), ("yes", 1.0), ("off", 0.0), ("x", None)],
)
def test_a_strength_is_a_number_between_minus_one_and_one(text: str, strength: float | None) -> None:
    assert read_strength(text) == strength


@pytest.mark.parametrize("text", ["reset", "Reset!", "сброс", "重置"])
def test_beginning_anew_is_a_word_of_its_own(text: str) -> None:
    assert says_reset(text) and not says_reset(f"{text} glasses")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("RSTA-DWYB-5", "RSTA-DWYB-5"),
        ("Code: rsta-dwy7-5", "rsta-dwy7-5"),
        ("this one: 71H1-31F please", "71H1-31F"),
        ("ABCD-EFGH", "ABCD-EFGH"),
        ("well-done", None),
        ("2024-12", None),
        ("71H1-31F or 71H1-31G", None),
        ("look at the code 71H1-31F that somebody sent to me", None),
        ("a71H1-31F", None),
    ],
)
def test_a_pasted_code_is_told_from_words(text: str, code: str | None) -> None:
    assert find_code(text) == code


@pytest.mark.parametrize("group", GROUP_CHOICES)
def test_groups_are_read_as_on_the_command_line(group: tuple[int, int]) -> None:
    written = f"{group[0]}-{group[1]}"
    assert read_age_group(written) == read_age(written) == child_spec.age_of_group(written)


@pytest.mark.parametrize("text", ["80-95", "20-11", "7", "1-10 11-20", "-3", "teens"])
def test_what_is_no_group_is_refused(text: str) -> None:
    assert read_age_group(text) is None


# What the bot itself says can be typed


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", ["help", "bad_genes", "bad_look", "ask_genes", "ask_looks"])
def test_examples_can_be_typed_as_they_stand_in_every_language(key: str, language: str) -> None:
    said = re.sub("[\u2066-\u2069]", "", render(key, {}, language))
    for name, read in (("genes", read_genes), ("look", read_looks)):
        for example in re.findall(rf"/{name} ([^–\n]+)", said):
            assert read(example) is not None, example


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("key", "read", "count"), [("bad_genes", "mom {}", 8), ("bad_look", "{} 1", 12)])
def test_every_name_that_is_told_is_understood(key: str, read: str, count: int, language: str) -> None:
    told = render(key, {}, language).splitlines()[-1]
    reader = read_genes if key == "bad_genes" else read_looks
    found = {tuple(reader(read.format(word)) or ()) for word in re.split(r"[\s,.:;、،。।：]+", told) if word}
    if language == "zh":  # the last two are joined without a blank
        found |= {tuple(reader(read.format(word)) or ()) for word in re.split("[、。：和]", told) if word}
    assert len({name for names in found for name in names}) == count


@pytest.mark.parametrize("language", LANGUAGES)
def test_labels_of_buttons_can_be_typed_instead(language: str) -> None:
    assert {read_source(render(f"gene_{source}", {}, language)) for source in GENE_SOURCES} == set(GENE_SOURCES)


def test_words_mean_one_thing_only() -> None:
    sources = list(GENE_SOURCES.values())
    assert not any(one & other for i, one in enumerate(sources) for other in sources[:i])
    assert words_of("mom") < GENE_SOURCES["mom"]
