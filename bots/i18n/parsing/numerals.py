"""Numbers that are written out, from Unicode's own tables."""

from __future__ import annotations

from functools import cache

from unicode_rbnf import FormatPurpose, RbnfEngine

from bots.i18n.parsing.words import OLDEST

TOO_SMALL = 2
"""Below, most languages use the word as an article."""

MORE: dict[str, dict[str, int]] = {
    "zh": {"两": 2, "俩": 2},
    "ar": {
        f"{word}ين": value
        for value, word in zip(
            range(20, 100, 10), ["عشر", "ثلاث", "أربع", "خمس", "ست", "سبع", "ثمان", "تسع"], strict=True
        )
    }
    | dict(zip(["ثلاث", "أربع", "خمس", "ست", "سبع", "ثماني", "تسع", "عشر"], range(3, 11), strict=True))
    | {"ثمانية": 8, "ثمان": 8, "اثنين": 2},
    "hi": {"दो": 2, "छह": 6, "छः": 6, "das": 10, "paanch": 5, "panch": 5, "bees": 20, "barah": 12, "pandrah": 15},
    "pt": {"duas": 2},
    "ru": {"две": 2, "двух": 2, "трех": 3},
}
"""Forms that the tables lack."""


@cache
def numerals(language: str) -> dict[str, int]:
    """Written number → 2 … 90, as a language says it, in all its genders."""
    engine = RbnfEngine.for_language(language)
    found: dict[str, int] = {}
    for value in range(TOO_SMALL, OLDEST + 1):
        said = engine.format_number(value, purpose=FormatPurpose.CARDINAL)
        for words in {said.text, *said.text_by_ruleset.values()}:
            if not any(map(str.isdigit, words)):
                found.setdefault(words.replace("-", " ").replace("\u00ad", "").lower(), value)
    return {**found, **MORE.get(language, {})}
