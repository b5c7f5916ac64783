"""The words: all there, none that promises anything, facts spoken as people would."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bots.commands import GROUP, PRIVATE, menu
from bots.i18n import messages
from bots.i18n.languages import LANGUAGES
from bots.i18n.messages import EN, EN_PLURAL, bar, render

EXAMPLES: dict[str, Any] = {
    "age": 6.0, "mix": 50.0, "sex": "girl", "refine": True, "photo_hours": 24.0, "latent_days": 30.0,
    "result_days": 7.0, "handled_days": 30.0, "warnings": ["blurred"], "count": 3, "number": 2, "job_id": "j",
    "age_number": 6, "language": "de", "mom_share": "70%", "dad_share": "30%",
    "first": "Anna", "second": "Ben", "name": "Anna", "names": ["Mia"], "limit_letters": 24,
    "genes": {"eyes": ["mom", True], "hair": ["both", False]}, "traits": {"nose": "chance"}, "trait": "eyes",
    "source": "mom", "looks": {"smile": -0.5}, "look": "smile", "look_hint": "hair", "strength": 0.5,
    "seen": {"likeness": {"mom": 81.0, "dad": 64.0}, "age": 6.3, "missed": "older"}, "code": "T5N8-4KQ2",
    "other": "Ben",
    "photos": 2, "latents": 2, "results": 1, "jobs": 3, "limit": 20 * 2**20, "what": "bytes",
    "wishes": {"age": 12.0, "sex": "boy", "looks": {"smile": 1.0}}, "wait": 600.0, "place": 4,
}  # fmt: skip


ALL = {**EN, **{key: " ".join(forms) for key, forms in EN_PLURAL.items()}}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_can_be_said_in_every_language_with_the_facts_it_names(language: str) -> None:
    for key, english in ALL.items():
        said = render(key, {name: EXAMPLES.get(name, 3) for name in placeholders(english)}, language)
        assert said and "{" not in said


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_text_is_used_and_every_key_in_the_code_has_a_text() -> None:
    """A key made of parts counts as used when an f-string of the code could make it."""
    constants, patterns = keys_in_code()
    assert [key for key in ALL if key not in constants and not any(map(key_matcher(key), patterns))] == []


def keys_in_code() -> tuple[set[str], set[str]]:
    """All strings of the code, and its f-strings as patterns, as far as they begin like a key."""
    constants: set[str] = set()
    patterns: set[str] = set()
    folder = Path(messages.__file__).parents[1]
    for path in folder.rglob("*.py"):
        if path.name == "messages.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                constants.add(node.value)
            if isinstance(node, ast.JoinedStr):
                parts = [
                    re.escape(part.value) if isinstance(part, ast.Constant) else "[a-z0-9_]+" for part in node.values
                ]
                patterns.add("".join(parts))
    constants |= {"refused", "failed"}  # the last resort of `render`
    return constants, {pattern for pattern in patterns if re.match(r"[a-z_]+_\[", pattern)}


def key_matcher(key: str) -> Callable[[str], bool]:
    return lambda pattern: re.fullmatch(pattern, key) is not None


@pytest.mark.parametrize("key", ALL)
def test_no_text_claims_to_foretell(key: str) -> None:
    words = ALL[key].lower()
    for claim in ("predict", "future", "will look", "would look", "forecast", "your real", "genetic"):
        assert claim not in words


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"age": 0.0}, "Noted: newborn."),
        ({"age": 0.5}, "Noted: 6 months."),
        ({"age": 1.0}, "Noted: 1 year."),
        ({"age": 7.5}, "Noted: 7.5 years."),
    ],
)
def test_ages_are_spoken(facts: dict[str, float], said: str) -> None:
    assert render("noted_age", facts) == said


@pytest.mark.parametrize(
    ("mix", "said"),
    [(0, "all mom"), (100, "all dad"), (50, "half mom, half dad"), (30, "70% mom, 30% dad")],
)
def test_the_mix_is_spoken(mix: float, said: str) -> None:
    assert render("noted_mix", {"mix": mix}) == f"Noted: {said}."


@pytest.mark.parametrize(
    ("facts", "limit"),
    [
        ({"what": "bytes", "size": 50 * 2**20, "limit": 20 * 2**20}, "20 MB"),
        ({"what": "pixels", "size": 90_000_000, "limit": 50_000_000}, "50 megapixels"),
        ({"what": "scans", "size": 900, "limit": 100}, "100 parts"),
    ],
)
def test_limits_are_spoken_in_their_unit(facts: dict[str, Any], limit: str) -> None:
    assert limit in render("refused_photo_too_large", facts)


def test_a_code_without_words_of_its_own_gets_the_general_sentence_with_the_number() -> None:
    assert "No. 77" in render("failed_never_heard_of", {"job_id": "77"})
    assert "No. 78" in render("refused_never_heard_of", {"job_id": "78"})
    assert "face" in render("failed_no_face", {"job_id": "79"})


def test_an_unknown_language_is_answered_in_english() -> None:
    assert render("stopped", {}, "tlh") == EN["stopped"]


def test_privacy_says_the_times_that_are_set() -> None:
    times = {"photo_hours": 0.5, "latent_days": 3.0, "result_days": 1.0, "handled_days": 9.0}
    said = render("privacy", times)
    assert all(words in said for words in ("30 minutes", "3 days", "1 day", "9 days"))


def test_toasts_fit_into_what_telegram_allows() -> None:
    for key in ("stale_button", "not_your_button", "still_drawing", "already_drawn", "no_older", "no_more_mom"):
        assert len(EN[key]) <= 200


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_command_is_described_in_every_language(language: str) -> None:
    assert all(f"command_{name}" in EN for name in (*PRIVATE, *GROUP))
    assert all(0 < len(words) <= 256 for _, words in menu(PRIVATE, language))


def test_the_bar_is_empty_at_the_start_and_full_at_the_end() -> None:
    assert (bar(0.0, 4), bar(0.5, 4), bar(1.0, 4), bar(7.0, 4)) == ("▱▱▱▱", "▰▰▱▱", "▰▰▰▰", "▰▰▰▰")


def test_the_page_of_commands_names_each_of_them() -> None:
    page = (Path(messages.__file__).parents[2] / "docs" / "commands.md").read_text()
    assert {name for name in re.findall(r"`/([a-z_]+)", page)} == {*PRIVATE, *GROUP}
