"""What each word of a language means to us: its concept, such as `older`, `girl` or `filler`.

A word is looked up as it was typed, then without accents, then by its stem, then as a typo of a word we know. Concepts
that grammar.py reads:

age       older younger old young too year month age newborn baby toddler child_stage teen adult senior number
sex       girl boy surprise
mix       mom dad both only more less like than percent us
amount    little much
looks     smile happy serious glasses beard makeup
hair      long short fair dark brown colour blond brunette redhead curly
traits    hair eyes brows nose mouth jaw skin face
pictures  sibling again sister brother grow film card
answers   clothes details several weird thanks laugh praise hello help restart okay
grammar   not make better filler and block unknown

`block` tells of somebody's life ("my son is 12") or asks a question ("how old is she?"): nothing may happen then.
`make` asks for something, `filler` adds nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from rapidfuzz import process
from rapidfuzz.distance import OSA
from Stemmer import Stemmer

from bots.i18n.parsing.numerals import numerals
from bots.i18n.parsing.tokens import EMOJI, LAUGHTER, SEPARATOR, fold, pieces, shortened

STEMMERS = {
    "en": "english", "de": "german", "es": "spanish", "pt": "portuguese",
    "ru": "russian", "hi": "hindi", "ar": "arabic",
}  # fmt: skip
"""Chinese words have no endings."""

NEVER_A_TYPO = frozenset({
    "filler", "make", "better", "and", "block", "okay", "not", "number", "little", "much", "more", "less", "too",
    "than", "only", "us", "like", "age", "percent", "hello",
})  # fmt: skip
"""Words that mean little by themselves: nearly every other word is near one of them."""
SHORTEST_TYPO = 4
SHORTEST_WITH_TWO = 8
"""Letters from which one and two slips are forgiven."""

COMBINED = {
    "slightly_older": ("little", "older"),
    "slightly_younger": ("little", "younger"),
    "slightly_more": ("little", "more"),
    "longhair": ("long", "hair"),
    "shorthair": ("short", "hair"),
}
"""One word for two concepts."""

ARABIC_OURS = ("ي", "نا", "ك")
"""Endings for my, our, your: such a word is about somebody's life, whatever its stem."""

POINTS = str.maketrans(",٫−", "..-")

_HAN = re.compile(r"[\u4e00-\u9fff]+")
_ARABIC_PREFIX = re.compile(r"^(?:وال|بال|كال|فال|لل|ال|و|ب|ل|ك|ف)(?=..)")


@dataclass(frozen=True, slots=True)
class Token:
    """A word or phrase with its concept. `value`: of a number; of a word that is also one, such as "दो"."""

    text: str
    concept: str
    value: float | None = None
    written_out: bool = False
    typo: bool = False
    """Whether it is only near a word that we know."""


class Vocabulary:
    """The words of one language."""

    def __init__(self, language: str, lexicon: dict[str, str]) -> None:
        stemmer = STEMMERS.get(language)
        self._stemmer = None if stemmer is None else Stemmer(stemmer)
        self._language = language
        self._exact: dict[tuple[str, ...], str] = {}
        self._folded: dict[tuple[str, ...], str] = {}
        self._stems: dict[str, str] = {}
        self._numbers = {
            tuple(fold(word) for word in words.split()): value for words, value in numerals(language).items()
        }
        for concept, words in lexicon.items():
            for word in words.split():
                self._add(tuple(pieces(word.replace("_", " "))), concept)
        self._longest = max(len(phrase) for phrase in (*self._folded, *self._numbers))
        self._typos = [
            phrase[0]
            for phrase, concept in self._folded.items()
            if len(phrase) == 1 and len(phrase[0]) >= SHORTEST_TYPO and concept not in NEVER_A_TYPO
        ]
        han_words = {
            phrase[0] for phrase in (*self._exact, *self._numbers) if len(phrase) == 1 and _HAN.fullmatch(phrase[0])
        }
        self._han = re.compile("|".join([*sorted(map(re.escape, han_words), key=len, reverse=True), "."]))

    def _add(self, phrase: tuple[str, ...], concept: str) -> None:
        self._exact.setdefault(phrase, concept)
        for variant in self._variants(phrase):
            self._folded.setdefault(variant, concept)
        if len(phrase) == 1:
            for stem in self._stems_of(phrase[0]):
                self._stems.setdefault(stem, concept)

    def _variants(self, phrase: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        yield tuple(map(fold, phrase))
        if self._language == "de":
            plain = " ".join(phrase).replace("ä", "ae").replace("ö", "oe").replace("ü", "ue").replace("ß", "ss")
            yield tuple(plain.split())

    def _stems_of(self, word: str) -> set[str]:
        if self._stemmer is None or (self._language == "ar" and word.endswith(ARABIC_OURS)):
            return set()
        return {fold(self._stemmer.stemWord(word)), self._stemmer.stemWord(fold(word))}

    def read(self, text: str) -> list[Token]:
        """The words of a message; SEPARATOR stands between sentences and after commas."""
        words = [part for piece in pieces(text) for part in self._segments(piece)]
        folded = [fold(word) for word in words]
        tokens: list[Token] = []
        at = 0
        while at < len(words):
            taken, found = self._longest_at(words, folded, at)
            tokens += found
            at += taken
        return tokens

    def _segments(self, piece: str) -> Sequence[str]:
        """Chinese has no blanks between words: the longest word that is known comes first."""
        if not _HAN.fullmatch(piece) or LAUGHTER.fullmatch(piece):
            return (piece,)
        return self._han.findall(piece)

    def _longest_at(self, words: Sequence[str], folded: Sequence[str], at: int) -> tuple[int, list[Token]]:
        for length in range(min(self._longest, len(words) - at), 1, -1):
            found = self._phrase(tuple(words[at : at + length]), tuple(folded[at : at + length]))
            if found is not None:
                return length, list(_split(found))
        return 1, list(_split(self._word(words[at])))

    def _phrase(self, phrase: tuple[str, ...], folded: tuple[str, ...]) -> Token | None:
        concept = self._exact.get(phrase) or self._folded.get(folded)
        value = self._numbers.get(folded)
        if concept is not None:
            return Token(" ".join(phrase), concept, value, written_out=True)
        return None if value is None else Token(" ".join(phrase), "number", value, written_out=True)

    def _word(self, word: str) -> Token:
        if word == SEPARATOR:
            return Token(word, "separator")
        if word in EMOJI:
            return Token(word, EMOJI[word])
        if ":" in word:
            return Token(word, "block")  # a time of day
        if word.lstrip("-−")[:1].isdigit():
            return Token(word, "number", float(word.translate(POINTS)))
        if LAUGHTER.fullmatch(word):
            return Token(word, "laugh")
        return self._known(word) or self._typo(word) or Token(word, "unknown")

    def _known(self, word: str) -> Token | None:
        for variant in shortened(word):
            token = self._phrase((variant,), (fold(variant),))
            if token is not None:
                return token
        for stem in self._stems_of(word):
            if stem in self._stems:
                return Token(word, self._stems[stem])
        if self._language == "ar" and (prefix := _ARABIC_PREFIX.match(word)):
            return self._known(word[prefix.end() :])
        return None

    def _typo(self, word: str) -> Token | None:
        """The one concept that is a slip of the finger away. The first letter has to be right."""
        folded = fold(shortened(word)[-1])
        if len(folded) < SHORTEST_TYPO:
            return None
        slips = 2 if len(folded) >= SHORTEST_WITH_TWO else 1
        near = process.extract(folded, self._typos, scorer=OSA.distance, score_cutoff=slips, limit=5)
        near = [found for found in near if _is_likely(folded, found[0])]
        best = [choice for choice, distance, _ in near if distance == near[0][1]]
        concepts = {self._folded[(choice,)] for choice in best}
        return Token(word, concepts.pop(), typo=True) if len(concepts) == 1 else None


def _is_likely(typed: str, meant: str) -> bool:
    """Most slips are further on in a word. Of a short one, two letters may have changed places: "gril"."""
    return typed[0] == meant[0] and (len(meant) > SHORTEST_TYPO or sorted(typed) == sorted(meant))


def _split(token: Token) -> Iterator[Token]:
    for concept in COMBINED.get(token.concept, (token.concept,)):
        yield replace(token, concept=concept)


@cache
def lexicon(language: str) -> dict[str, str]:
    """Concept → words with blanks between, as they stand in the file; `_` is a blank within a phrase."""
    path = files("bots.i18n.parsing") / "lexicon" / f"{language}.toml"
    found: dict[str, str] = tomllib.loads(path.read_text(encoding="utf-8"))
    return found


@cache
def vocabulary(language: str) -> Vocabulary:
    """The words of one of our languages; read when it is first needed."""
    return Vocabulary(language, lexicon(language))
