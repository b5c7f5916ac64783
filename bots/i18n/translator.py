"""A translator for one language: its catalog, number formats and text direction."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from babel import Locale
from babel.lists import format_list
from babel.numbers import format_decimal, format_percent

from bots.i18n.languages import RIGHT_TO_LEFT, catalogue

# Unicode's marks of direction. An isolate keeps what stands in it from disturbing the order of what stands around.
LEFT_ISOLATE, FIRST_ISOLATE, END_ISOLATE, RIGHT_MARK = "\u2066", "\u2068", "\u2069", "\u200f"
_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_ISOLATED = re.compile(f"[{LEFT_ISOLATE}{FIRST_ISOLATE}][^{LEFT_ISOLATE}{FIRST_ISOLATE}{END_ISOLATE}]*{END_ISOLATE}")
_COMMAND = re.compile(r"(?<![\w/])/[a-z_]+(?: [0-9a-z_=.@-]*[0-9a-z])*", re.IGNORECASE)

LIKE_A_FRACTION = {"ar": 100}
"""A whole number that takes the plural form of fractions; 2 in all other languages (7,5 года, 7.5 years)."""

Plural = tuple[str, str]
"""English for one, and for all other numbers."""


class Translator:
    """Speaks one of `languages.LANGUAGES`."""

    def __init__(self, language: str, english: Mapping[str, str], plurals: Mapping[str, Plural]) -> None:
        """`english` and `plurals`: the texts by key, from which the catalogue translates."""
        self.language = language
        self._locale = Locale.parse(language)
        self._catalogue = catalogue(language)
        self._english = english
        self._plurals = plurals
        self._is_right_to_left = language in RIGHT_TO_LEFT

    def say(self, key: str, /, **facts: Any) -> str:
        """A text with its facts. The fact `count` decides which plural form it takes."""
        words = {name: self._word(fact) for name, fact in facts.items()}
        return self._template(key, facts.get("count")).format(**words)

    def _template(self, key: str, count: Any) -> str:
        if key not in self._plurals:
            return self._catalogue.pgettext(key, self._english[key])
        whole = int(count) if float(count).is_integer() else LIKE_A_FRACTION.get(self.language, 2)
        return self._catalogue.npgettext(key, *self._plurals[key], whole)

    def _word(self, fact: Any) -> str:
        if isinstance(fact, int | float) and not isinstance(fact, bool):
            return self.number(fact)
        return self.isolated(str(fact))

    # Numbers and lists

    def number(self, value: float) -> str:
        """At most two decimals, without separators of thousands."""
        return format_decimal(round(value, 2), locale=self._locale, group_separator=False)

    def percent(self, value: float) -> str:
        """0 … 100."""
        return format_percent(round(value) / 100, locale=self._locale)

    def listed(self, words: Sequence[str]) -> str:
        """a, b and c."""
        return format_list(words, locale=self._locale)

    @property
    def locale(self) -> Locale:
        """For Babel's other formats."""
        return self._locale

    # Direction

    def isolated(self, word: str) -> str:
        """Wrap a word of the other direction, such as a Hebrew name in an English sentence."""
        directions = {unicodedata.bidirectional(letter) for letter in word}
        if not directions & ({"L"} if self._is_right_to_left else {"R", "AL"}):
            return word
        return f"{FIRST_ISOLATE}{_CONTROLS.sub('', word)}{END_ISOLATE}"

    def directed(self, text: str) -> str:
        """See to it that each line of a right-to-left text is read so, and commands in it from left to right."""
        if not self._is_right_to_left:
            return text
        text = _COMMAND.sub(lambda command: f"{LEFT_ISOLATE}{command[0]}{END_ISOLATE}", text)
        return "\n".join(line if _begins_right(line) else RIGHT_MARK + line for line in text.split("\n"))


def _begins_right(line: str) -> bool:
    """Whether the first letter that counts is one of a right-to-left script; isolates do not count."""
    directions = (unicodedata.bidirectional(letter) for letter in _ISOLATED.sub("", line))
    first = next((direction for direction in directions if direction in ("L", "R", "AL")), None)
    return not line if first is None else first != "L"
