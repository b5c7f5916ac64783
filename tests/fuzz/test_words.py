"""Everything that reads people's words, with words that nobody would think of: a value, or the one error it names."""

from __future__ import annotations

import contextlib
import math
import time

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bots.i18n.parsing import words
from core.domain.child_code import ALPHABET, MAX_LENGTH, code_of, wish_of_code
from core.domain.child_spec import LOOKS, MAX_SEED, OLDEST, ChildSpec, age_of_group
from core.domain.errors import SettingError
from core.domain.genes import SOURCES, TRAITS, check_genes, parse_genes

ODD = "٣７½²①߀-−–—.,/@ \u200b\u202e\u0000\ud7ff\U0001f9ffÅß🎲妈"
TEXT = st.text(max_size=200) | st.text(ODD + "0123456789/eE+", max_size=40)

WISHES = st.builds(
    ChildSpec,
    age=st.floats(0, OLDEST),
    sex=st.sampled_from(["girl", "boy"]),
    mix=st.floats(0, 100),
    seed=st.integers(0, MAX_SEED),
    genes=st.dictionaries(st.sampled_from(TRAITS), st.sampled_from(SOURCES)),
    looks=st.dictionaries(st.sampled_from(LOOKS), st.floats(-1, 1)),
)


# --- codes of children --------------------------------------------------------------------------------------


@given(WISHES)
def test_any_wish_comes_back_from_its_code(wish: ChildSpec) -> None:
    assert wish_of_code(code_of(wish, wish.sex)) == wish


@given(WISHES, st.data())
def test_a_code_is_read_however_it_is_written(wish: ChildSpec, data: st.DataObject) -> None:
    code = code_of(wish, wish.sex)
    letters = [data.draw(st.sampled_from([letter, letter.lower()])) for letter in code.replace("-", "")]
    written = "".join(letter + data.draw(st.sampled_from(["", " ", "-"])) for letter in letters)
    assert wish_of_code(written) == wish


@given(WISHES, st.data())
def test_one_mistyped_letter_is_always_noticed(wish: ChildSpec, data: st.DataObject) -> None:
    code = code_of(wish, wish.sex).replace("-", "")
    at = data.draw(st.integers(0, len(code) - 1))
    letter = data.draw(st.sampled_from(ALPHABET))
    assume(letter != code[at])
    with pytest.raises(SettingError):
        wish_of_code(code[:at] + letter + code[at + 1 :])


@given(TEXT | st.text(ALPHABET, max_size=MAX_LENGTH + 5))
@example("")
@example("0" * MAX_LENGTH)
@example("Y" * MAX_LENGTH)
@example("ı" * 10)  # its capital is I, which is read as 1
@example("ß" * 10)  # becomes longer in capitals
def test_any_text_is_a_code_or_is_refused(text: str) -> None:
    try:
        wish = wish_of_code(text)
    except SettingError as error:
        assert error.facts()["name"] == "code"
        return
    # A code that is taken is the code of what it says.
    assert wish_of_code(code_of(wish, wish.sex)) == wish


# --- genes and wishes ---------------------------------------------------------------------------------------


@given(
    TEXT | st.lists(st.tuples(st.sampled_from(TRAITS), st.sampled_from([*SOURCES, "me"])).map("=".join)).map(",".join)
)
def test_any_text_is_genes_or_is_refused(text: str) -> None:
    try:
        genes = parse_genes(text)
    except SettingError:
        return
    assert genes == check_genes(genes)
    assert parse_genes(",".join(f"{trait}={source}" for trait, source in genes.items())) == genes


ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)


@given(st.fixed_dictionaries({}, optional={name: ANYTHING for name in ("age", "sex", "mix", "seed", "size")}))
@example({"age": True})
@example({"mix": math.nan})
@example({"seed": 2**63})
def test_any_wish_is_within_its_ranges_or_is_refused(told: dict[str, object]) -> None:
    try:
        spec = ChildSpec(**told)  # type: ignore[arg-type]
    except SettingError:
        return
    assert 0 <= spec.age <= OLDEST
    assert 0 <= spec.mix <= 100
    assert 0 <= spec.seed <= MAX_SEED


@given(st.dictionaries(st.text(max_size=10) | st.sampled_from(LOOKS), ANYTHING, max_size=4))
def test_any_looks_are_within_their_ranges_or_refused(looks: dict[str, object]) -> None:
    try:
        spec = ChildSpec(looks=looks)  # type: ignore[arg-type]
    except SettingError:
        return
    assert all(name in LOOKS and -1 <= value <= 1 for name, value in spec.looks.items())


@given(TEXT)
def test_any_text_is_a_group_of_ages_or_is_refused(text: str) -> None:
    try:
        age = age_of_group(text)
    except SettingError:
        return
    assert 0 <= age <= OLDEST


# --- words of a chat ----------------------------------------------------------------------------------------


@given(TEXT)
@example("/" + "a" * 33)
@example("/child@")
@example("/child@bot\u2003x")
@example("/age\u00a012")
def test_any_text_is_a_command_or_none(text: str) -> None:
    command = words.read_command(text, "childface_bot")
    if command is not None:
        assert text.strip().startswith("/")
        assert command.name == command.name.lower()
        assert command.argument == command.argument.strip()


@given(TEXT)
@example("9" * 400)
@example("1e999")
@example("٣")
@example("½")
@example("²")
def test_any_text_is_a_number_or_none(text: str) -> None:
    for read in (words.read_number, words.read_age):
        number = read(text)
        assert number is None or isinstance(number, float)


@given(TEXT)
def test_any_text_names_a_parent_or_nobody(text: str) -> None:
    assert words.read_role(text) in ("mom", "dad", None)
    assert all(words.plain_words(text))


@pytest.mark.parametrize("piece", ["/a ", "1-", "妈", "- ", ".", "\u0301", "=,", "0"])
def test_long_texts_are_read_in_a_time_that_grows_with_their_length(piece: str) -> None:
    """A message has 4,096 characters; these have a hundred times that. Seconds mean a pattern that backtracks."""
    text = piece * (400_000 // len(piece))
    started = time.process_time()
    words.read_command(text, "bot"), words.read_number(text), words.read_age(text), words.read_role(text)
    for parse in (parse_genes, wish_of_code, age_of_group):
        with contextlib.suppress(SettingError):
            parse(text)
    assert time.process_time() - started < 5
