"""The words: all there, none that promises anything, facts spoken as people would."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import pytest

from bots import texts
from bots.commands import DESCRIPTIONS, GROUP, PRIVATE, menu
from bots.texts import CATALOGUES, EN, bar, render

KEYS_MADE_OF_PARTS = ("refused_", "failed_", "progress_", "whose_settled_")
EXAMPLES: dict[str, Any] = {
    "age": 6.0, "mix": 50.0, "sex": "girl", "refine": True, "photo_hours": 24.0, "latent_days": 30.0,
    "result_days": 7.0, "handled_days": 30.0, "warnings": ["blurred"], "count": 3, "number": 2, "job_id": "j",
    "photos": 2, "latents": 2, "results": 1, "jobs": 3, "limit": 20 * 2**20, "what": "bytes",
}  # fmt: skip


@pytest.mark.parametrize("key", EN)
def test_every_text_can_be_said_with_the_facts_it_names(key: str) -> None:
    assert "{" not in render(key, EXAMPLES)


def test_no_language_has_a_key_or_a_placeholder_that_english_has_not() -> None:
    for catalogue in CATALOGUES.values():
        assert set(catalogue) == set(EN)
        for key, text in catalogue.items():
            assert _placeholders(text) == _placeholders(EN[key])


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_text_is_used() -> None:
    code = "".join(path.read_text() for path in Path(texts.__file__).parent.glob("*.py") if path.name != "texts.py")
    labels = ("mix_", "set_", "delete_", "no_", "ask_", "bad_", "noted_", "send_", "named_", "waiting_for_", "is_")
    unused = [
        key for key in EN if f'"{key}"' not in code and not key.startswith((*KEYS_MADE_OF_PARTS, *labels, "refused"))
    ]
    assert set(unused) <= {"girl", "boy", "surprise", "failed"}  # the answers of a wish, and the last resort


@pytest.mark.parametrize("key", EN)
def test_no_text_claims_to_foretell(key: str) -> None:
    words = EN[key].lower()
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
    [(0, "all mom"), (100, "all dad"), (50, "half mom, half dad"), (30, "70 % mom, 30 % dad")],
)
def test_the_mix_is_spoken(mix: float, said: str) -> None:
    assert render("noted_mix", {"mix": mix}) == f"Noted: {said}."


@pytest.mark.parametrize(
    ("facts", "limit"),
    [
        ({"what": "bytes", "size": 50 * 2**20, "limit": 20 * 2**20}, "20 MB"),
        ({"what": "pixels", "size": 90_000_000, "limit": 50_000_000}, "50 megapixels"),
        ({"what": "scans", "size": 900, "limit": 100}, "100 scans"),
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


@pytest.mark.parametrize("language", DESCRIPTIONS)
def test_every_command_is_described_in_every_menu_language(language: str) -> None:
    assert set(DESCRIPTIONS[language]) == set(PRIVATE) >= set(GROUP)
    assert all(0 < len(words) <= 256 for _, words in menu(PRIVATE, language))


def test_the_bar_is_empty_at_the_start_and_full_at_the_end() -> None:
    assert (bar(0.0, 4), bar(0.5, 4), bar(1.0, 4), bar(7.0, 4)) == ("▱▱▱▱", "▰▰▱▱", "▰▰▰▰", "▰▰▰▰")
