"""Genes as people write them; codes that repeat a child."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.child_code import ALPHABET, code_of, wish_of_code
from core.domain.child_spec import LOOKS, MAX_SEED, ChildSpec
from core.domain.errors import SettingError
from core.domain.genes import SOURCES, TRAITS, check_genes, parse_genes, source_of

WISHES = st.builds(
    ChildSpec,
    age=st.floats(0, 90),
    sex=st.sampled_from(["girl", "boy"]),
    mix=st.floats(0, 100) | st.just(50.0),
    seed=st.integers(0, MAX_SEED),
    genes=st.dictionaries(st.sampled_from(TRAITS), st.sampled_from(SOURCES)),
    looks=st.dictionaries(st.sampled_from(LOOKS), st.floats(-1, 1)),
)


def test_genes_are_read_as_people_write_them() -> None:
    assert parse_genes(" Nose = Dad , eyes=mom,") == {"eyes": "mom", "nose": "dad"}
    assert parse_genes("") == {}


@pytest.mark.parametrize("text", ["eyes", "eyes=", "eyes=uncle", "tail=mom", "eyes=mom,eyes=dad", "eyes:mom"])
def test_genes_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(SettingError):
        parse_genes(text)


def test_genes_come_back_in_one_order() -> None:
    assert list(check_genes({"hair": "both", "face": "dad"})) == ["face", "hair"]


def test_a_share_near_the_middle_is_both_s() -> None:
    assert [source_of(share) for share in (0.0, 0.3, 0.5, 0.7, 1.0)] == ["mom", "mom", "both", "dad", "dad"]


@given(WISHES)
def test_a_code_says_everything_of_a_wish(wish: ChildSpec) -> None:
    assert wish_of_code(code_of(wish, wish.sex)) == wish


def test_an_ordinary_child_has_a_short_code_that_never_changes() -> None:
    # Worked out once: codes that people noted down must be read for ever.
    assert code_of(ChildSpec(age=6, seed=1234567), "girl") == "RSTA-DWYB-5"
    assert wish_of_code("rsta dwyb5") == ChildSpec(age=6, seed=1234567, sex="girl")


def test_a_surprise_is_told_as_what_it_became() -> None:
    assert wish_of_code(code_of(ChildSpec(sex="surprise"), "boy")).sex == "boy"


@given(WISHES, st.data())
def test_one_mistyped_character_or_two_that_changed_places_are_noticed(wish: ChildSpec, data: st.DataObject) -> None:
    letters = code_of(wish, wish.sex).replace("-", "")
    place = data.draw(st.integers(0, len(letters) - 1))
    other = data.draw(st.sampled_from([letter for letter in ALPHABET if letter != letters[place]]))
    wrong = letters[:place] + other + letters[place + 1 :]
    with pytest.raises(SettingError):
        wish_of_code(wrong)
    swapped = letters[:place] + letters[place : place + 2][::-1] + letters[place + 2 :]
    if swapped != letters:
        with pytest.raises(SettingError):
            wish_of_code(swapped)


@pytest.mark.parametrize("code", ["", "-", "A", "hello world", "9" * 61, "ÄÖÜ", "00", "RSTA-DWYB-6"])
def test_what_is_no_code_is_refused(code: str) -> None:
    with pytest.raises(SettingError) as caught:
        wish_of_code(code)
    assert caught.value.facts()["name"] == "code"
