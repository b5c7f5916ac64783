"""A whole message: its clauses together, in whichever of our languages it is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from bots.i18n.languages import DEFAULT_LANGUAGE, LANGUAGES, language_of
from bots.i18n.parsing.grammar import read_clause
from bots.i18n.parsing.intents import (
    RELATIVE,
    WISHES,
    Ask,
    Cannot,
    Complaint,
    Draw,
    Intent,
    Remark,
    SetAge,
    SetMix,
    SetSex,
    ShiftAge,
    ShiftMix,
)
from bots.i18n.parsing.tokens import EMOJI
from bots.i18n.parsing.vocabulary import Token, vocabulary

MAX_LENGTH = 300
"""Characters. Whoever writes more tells a story."""
UNKNOWN_SHARE = 0.34
"""Of a message's words, in clauses of their own. With more, we do not know what it is about."""

REACTIONS = ("laugh", "thanks", "praise")

SCRIPTS = (
    ("\u0400", "\u04ff", ("ru",)),
    ("\u0600", "\u06ff", ("ar",)),
    ("\u0900", "\u097f", ("hi",)),
    ("\u4e00", "\u9fff", ("zh",)),
)
LATIN = ("en", "es", "pt", "de", "hi")
"""Hindi is often typed in Latin letters."""


def read_intents(text: str, language: str | None, *, child_on_screen: bool = True) -> list[Intent]:
    """What a message asks for, in the order in which it was said; empty where nothing in it is meant for us.

    With a wish in it, friendly words around it are left out. `language` is tried first, then the others that are
    written with these letters. Without a child on screen relative wishes, bare numbers and lone hearts mean nothing.

    >>> read_intents("a boy, 12, more like mom", "en")
    [SetSex(sex='boy'), SetAge(years=12.0), ShiftMix(toward='mom', amount='usual')]
    """
    if len(text) > MAX_LENGTH:
        return []
    own = language_of(language) or DEFAULT_LANGUAGE
    for candidate in _languages(text, own):
        tokens = vocabulary(candidate).read(text)
        found = [] if candidate != own and _is_uncertain(tokens) else _read(tokens, child_on_screen)
        if found:
            return found
        if _is_about_something_else(tokens):
            return []
    return []


def _is_uncertain(tokens: Sequence[Token]) -> bool:
    """Whether a word of it has to be guessed: too little to take it for a language that is not the person's own."""
    return any(token.typo or token.concept == "unknown" for token in tokens)


def _is_about_something_else(tokens: Sequence[Token]) -> bool:
    """Whether it is certainly in this language, and not meant for us."""
    unknown = sum(token.concept == "unknown" for token in tokens)
    blocked = any(token.concept == "block" for token in tokens)
    return bool(tokens) and (not unknown or (blocked and unknown * 2 <= len(tokens)))


def _languages(text: str, own: str) -> Iterator[str]:
    """The languages in which it may be written, the person's own first."""
    written = next((names for low, high, names in SCRIPTS if any(low <= letter <= high for letter in text)), LATIN)
    yield from sorted((name for name in LANGUAGES if name in written or name == own), key=lambda name: name != own)


def _read(tokens: Sequence[Token], child_on_screen: bool) -> list[Intent]:
    if any(token.concept == "block" for token in tokens):
        return []
    apart = _read_clauses(tokens, ("separator", "and"), child_on_screen)
    # "hair long and dark" is one wish, "older and smiling" are two.
    return apart or _read_clauses(tokens, ("separator",), child_on_screen)


def _read_clauses(tokens: Sequence[Token], between: tuple[str, ...], child_on_screen: bool) -> list[Intent]:
    found: list[Intent] = []
    lost = said = 0
    for clause in _clauses(tokens, between):
        said += len(clause)
        unknown = sum(token.concept == "unknown" for token in clause)
        if unknown:
            lost += unknown
            continue
        intents = read_clause(clause)
        if intents is None:
            return []
        if child_on_screen or not (_is_bare_number(clause) or _is_only_a_reaction(clause)):
            found += intents
    if not said or lost / said > UNKNOWN_SHARE:
        return []
    return _settled(found, child_on_screen)


def _clauses(tokens: Sequence[Token], between: tuple[str, ...]) -> Iterator[list[Token]]:
    for apart, clause in groupby(tokens, key=lambda token: token.concept in between):
        if not apart:
            yield list(clause)


def _is_bare_number(clause: Sequence[Token]) -> bool:
    return {token.concept for token in clause} <= {"number", "filler"}


def _is_only_a_reaction(clause: Sequence[Token]) -> bool:
    """Whether it is emoji without a word, such as a heart: they react to a picture."""
    return all(token.text in EMOJI and token.concept in REACTIONS for token in clause)


def _settled(found: Sequence[Intent], child_on_screen: bool) -> list[Intent]:
    """Wishes if there are some; else a complaint, else a word in plain, else the first friendly one."""
    wishes = [intent for intent in dict.fromkeys(found) if isinstance(intent, (*WISHES, Cannot))]
    if not child_on_screen:
        wishes = [intent for intent in wishes if not isinstance(intent, RELATIVE)]
    if wishes:
        return [] if _contradict(wishes) else _without_repeats(wishes)
    for kind in (Complaint, Ask, Remark):
        said: list[Intent] = [intent for intent in found if isinstance(intent, kind)]
        if said and (child_on_screen or kind is not Complaint):
            return said[:1]
    return []


def _contradict(wishes: Sequence[Intent]) -> bool:
    """A girl and a boy, or older and younger at once."""
    sexes = {wish.sex for wish in wishes if isinstance(wish, SetSex)}
    ways = {wish.direction for wish in wishes if isinstance(wish, ShiftAge)}
    return len(sexes) > 1 or len(ways) > 1


def _without_repeats(wishes: Sequence[Intent]) -> list[Intent]:
    """Of wishes about the same thing: a number before a step, the last before the first."""
    settled = {SetAge: ShiftAge, SetMix: ShiftMix}
    kept: list[Intent] = []
    for at, wish in enumerate(wishes):
        later = wishes[at + 1 :]
        beaten = any(
            isinstance(wish, step) and any(isinstance(w, kind) for w in wishes) for kind, step in settled.items()
        )
        repeated = type(wish) in (SetAge, SetMix, ShiftAge, ShiftMix) and any(type(w) is type(wish) for w in later)
        if not beaten and not repeated:
            kept.append(wish)
    draws = [wish for wish in kept if isinstance(wish, Draw)]
    return [wish for wish in kept if not isinstance(wish, Draw) or wish == draws[-1]]
