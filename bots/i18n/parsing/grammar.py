"""One clause: which wishes its concepts make. Order within a clause hardly matters, as it differs between languages.

Each rule takes the concepts that it understands. A clause in which something is left over that would change its meaning
is not understood at all: half a wish would be drawn, and nobody would know which half.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bots.i18n.parsing.intents import (
    WISHES,
    Amount,
    Ask,
    Cannot,
    Complaint,
    Direction,
    Draw,
    Impossible,
    Intent,
    Parent,
    Remark,
    SetAge,
    SetGene,
    SetLook,
    SetMix,
    SetSex,
    ShiftAge,
    ShiftMix,
)
from bots.i18n.parsing.tokens import EMOJI
from bots.i18n.parsing.vocabulary import Token

TRAITS = ("face", "eyes", "brows", "nose", "mouth", "jaw", "skin", "hair")
STAGES = {"newborn": 0, "baby": 1, "toddler": 2, "child_stage": 8, "teen": 15, "adult": 30, "senior": 75}
"""Years that are meant by a word for a time of life."""
ROLES: tuple[Parent, ...] = ("mom", "dad")
HARMLESS = frozenset({
    "filler", "make", "better", "okay", "thanks", "laugh", "praise", "hello", "more", "little", "much", "only", "age",
    "and", "too", "like", "unknown",
})  # fmt: skip
"""What may be left over without changing what the rest means."""
FEW = 4
"""Children: "2 girls" is no age."""


@dataclass(slots=True)
class Clause:
    """The words between two separators, and which of them are understood already."""

    tokens: Sequence[Token]
    used: set[int] = field(default_factory=set)

    def has(self, *concepts: str) -> bool:
        """Whether one of these is there and not taken yet."""
        return next(self._at(concepts), None) is not None

    def said(self, *concepts: str) -> bool:
        """Whether one of these is there at all."""
        return any(token.concept in concepts for token in self.tokens)

    def take(self, *concepts: str) -> list[Token]:
        """Take all words of these concepts."""
        places = list(self._at(concepts))
        self.used.update(places)
        return [self.tokens[at] for at in places]

    def _at(self, concepts: Sequence[str]) -> Iterator[int]:
        return (at for at, token in enumerate(self.tokens) if token.concept in concepts and at not in self.used)

    def next_to(self, at: int, concept: str) -> bool:
        """Whether the word after this one, fillers aside, is of a concept."""
        following = (token.concept for token in self.tokens[at + 1 :] if token.concept != "filler")
        return next(following, "") == concept

    @property
    def judged(self) -> bool:
        """Whether somebody says in words what they think of the picture."""
        return any(token.concept in ("praise", "weird") and token.text not in EMOJI for token in self.tokens)

    def left_over(self) -> set[str]:
        """Concepts that nothing was made of."""
        return {token.concept for at, token in enumerate(self.tokens) if at not in self.used} - HARMLESS

    @property
    def amount(self) -> Amount:
        """How much more or less."""
        if self.said("little"):
            return "little"
        return "much" if self.said("much") else "usual"


def read_clause(tokens: Sequence[Token]) -> list[Intent] | None:
    """The intents of a clause; None where its words are known but do not make sense together, or are a refusal."""
    clause = Clause(tokens)
    found: list[Intent] = [intent for rule in RULES for intent in rule(clause)]
    wishes = [intent for intent in found if isinstance(intent, WISHES)]
    if wishes and clause.judged and not clause.said("make", "better"):
        found = [intent for intent in found if intent not in wishes]
        return found or _remarks(clause)
    left = clause.left_over()
    if left == {"not"} and not wishes and not found and len(clause.tokens) == 1:
        return []  # "no, older": the no is about what was before
    if left:
        return None
    return found or _remarks(clause)


def _complaints(clause: Clause) -> Iterator[Intent]:
    if (
        clause.has("not")
        and clause.has("like")
        and clause.has("us", "both", *ROLES)
        and not clause.said("make", *TRAITS, "more")
    ):
        clause.take("not", "like", "us", "both", *ROLES, "weird", "face")
        yield Complaint("likeness")
    elif clause.has("not") and clause.has("us") and not clause.has(*TRAITS, *STAGES, "girl", "boy", "more", "like"):
        clause.take("not", "us")
        yield Complaint("likeness")
    elif clause.has("weird"):
        clause.take("weird", "like", "face", *(() if clause.said("make") else ("not",)))
        yield Complaint("looks")


def _percentages(clause: Clause) -> Iterator[Intent]:
    """ "70% mom"."""
    if not clause.has("percent"):
        return
    clause.take("percent")
    number, role = clause.take("number"), clause.take(*ROLES)
    clause.take("like")
    if number and role and number[0].value is not None:
        share = number[0].value
        yield SetMix(share if role[0].concept == "dad" else 100 - share)
    else:
        clause.used.clear()


def _genes(clause: Clause) -> Iterator[Intent]:
    """ "mom's eyes", "the nose of dad", "eyes from mom and nose from dad"."""
    if not clause.has(*ROLES) or not clause.has(*TRAITS) or clause.said("percent"):
        return
    words = [token.concept for token in clause.tokens if token.concept in (*ROLES, *TRAITS)]
    if words[0] not in ROLES:
        words.reverse()
    role: Parent | None = None
    for word in words:
        if word in ROLES:
            role = "mom" if word == "mom" else "dad"
        elif role is not None:
            yield SetGene(word, role)
    lonely = any(one in ROLES and (after in ROLES) for one, after in zip(words, [*words[1:], "mom"], strict=True))
    if not lonely:
        clause.take(*ROLES, *TRAITS, "like")


def _mix(clause: Clause) -> Iterator[Intent]:
    """ "more like dad", "only mom", "half and half"."""
    if clause.has("both") and not clause.has(*TRAITS):
        clause.take("both", "like", *ROLES)
        yield SetMix(50.0)
        return
    roles = [token.concept for token in clause.tokens if token.concept in ROLES]
    if not clause.has(*ROLES) or (len(set(roles)) > 1 and not clause.said("than", "more")):
        return
    toward: Parent = "mom" if roles[0] == "mom" else "dad"
    if clause.said("less"):
        clause.take("less", "like", "than", *ROLES)
        yield ShiftMix("dad" if toward == "mom" else "mom", clause.amount)
    elif clause.said("only") and not clause.said("more", "little"):
        clause.take("only", "like", *ROLES)
        yield SetMix(0.0 if toward == "mom" else 100.0)
    elif clause.said("more") or (clause.has("like") and clause.said("make", "better", "much", "little")):
        clause.take("more", "like", "than", *ROLES)
        yield ShiftMix(toward, clause.amount)


def _age(clause: Clause) -> Iterator[Intent]:
    numbers = _years(clause)
    direction = _direction(clause, bool(numbers))
    if len(numbers) > 1:
        return
    if numbers or direction is not None:
        clause.take("year", "month")
    if direction is not None and numbers:
        yield ShiftAge(direction, years=numbers[0])
    elif direction is not None:
        yield ShiftAge(direction, clause.amount)
    elif numbers:
        clause.take("old")
        yield SetAge(numbers[0])
    elif stages := clause.take(*STAGES):
        clause.take("like", "older")
        yield SetAge(float(STAGES[stages[0].concept]))


def _years(clause: Clause) -> list[float]:
    """Numbers as years; of words that only may be a number, those before "years"."""
    found = []
    for at, token in enumerate(clause.tokens):
        dated = clause.next_to(at, "year") or clause.next_to(at, "month")
        counted = clause.next_to(at, "girl") or clause.next_to(at, "boy")
        several = counted and not dated and token.value is not None and (token.written_out or token.value <= FEW)
        if token.value is None or at in clause.used or several or (token.concept != "number" and not dated):
            continue
        clause.used.add(at)
        found.append(token.value / 12 if clause.next_to(at, "month") else token.value)
    return found


def _direction(clause: Clause, with_number: bool) -> Direction | None:
    """Older, younger, or the opposite of "too old"."""
    if clause.has("older") and clause.has("younger"):
        return None
    too = clause.said("too")
    if clause.has("older") or (clause.has("old") and too):
        older = not too
    elif clause.has("younger") or (clause.has("young") and too):
        older = too
    elif clause.has("more", "less") and clause.has("year") and not clause.has("like", *ROLES):
        older = bool(clause.take("more"))
        clause.take("less")
    elif clause.has("old", "young") and clause.said("make", "much", "more") and not with_number:
        older = clause.has("old")
    else:
        return None
    if clause.has(*STAGES) and not with_number:
        return None
    if clause.take("less"):
        older = not older
    clause.take("older", "younger", "old", "young")
    return "older" if older else "younger"


def _several(clause: Clause) -> Iterator[Intent]:
    counted = [
        at
        for at, token in enumerate(clause.tokens)
        if at not in clause.used
        and token.concept == "number"
        and (clause.next_to(at, "girl") or clause.next_to(at, "boy"))
    ]
    if counted or clause.has("several"):
        clause.used.update(counted)
        clause.take("several", "girl", "boy")
        yield Cannot("several")


def _sex(clause: Clause) -> Iterator[Intent]:
    said = [token.concept for token in clause.tokens if token.concept in ("girl", "boy", "surprise")]
    # "boys will be boys" asks for nobody.
    if len(said) == 1 and not clause.has("not") and clause.take(*said):
        yield SetSex(said[0])


def _smile(clause: Clause) -> Iterator[Intent]:
    if clause.has("smile") or (clause.has("happy") and _only_a_mood(clause)):
        clause.take("smile", "happy", "face")
        strength = -1.0 if clause.take("not") else 0.5 if clause.said("little") else 1.0
        yield SetLook("smile", -0.5 if clause.take("less") else strength)
    elif clause.has("serious"):
        clause.take("serious", "face")
        yield SetLook("smile", 0.0 if clause.take("not") else -1.0)


def _only_a_mood(clause: Clause) -> bool:
    """Whether "happy" is said of the child: "happy new year" is not."""
    return clause.said("make") or {token.concept for token in clause.tokens} <= {"happy", "face", "age", *HARMLESS}


def _worn(clause: Clause) -> Iterator[Intent]:
    """Glasses, beard, make-up: there or not."""
    for look in ("glasses", "beard", "makeup"):
        if clause.take(look):
            yield SetLook(look, 0.0 if clause.has("not") else 1.0)
            clause.take("not")


def _hair(clause: Clause) -> Iterator[Intent]:
    if clause.has("curly", "redhead"):
        yield Cannot("hair_texture" if clause.take("curly") else "hair_colour")
        clause.take("redhead", "hair", "not", "colour")
    if clause.has("blond", "brunette") and not clause.has("eyes", "skin", "brows"):
        yield SetLook("hair", -1.0 if clause.take("blond") else 1.0)
        clause.take("brunette", "hair", "not", "fair", "dark")
    if not clause.has("hair") or clause.has(*ROLES, "eyes", "skin"):
        return
    shades = {"fair": -1.0, "dark": 1.0, "brown": 0.5}
    for shade in clause.take(*shades):
        yield SetLook("hair", shades[shade.concept])
    if clause.take("colour"):
        yield Cannot("hair_colour")
    for length in clause.take("long", "short", "younger"):  # Hindi has one word for small and short
        yield SetLook("hair_length", 1.0 if length.concept == "long" else -1.0)
    if clause.said("fair", "dark", "brown", "colour", "long", "short", "younger"):
        clause.take("hair")


def _colours(clause: Clause) -> Iterator[Intent]:
    shades = ("fair", "dark", "brown", "colour", "blond", "brunette")
    for trait, what in COLOURED.items():
        if clause.has(trait) and clause.has(*shades) and not clause.has(*ROLES):
            clause.take(trait, "not", *shades)
            yield Cannot(what)


COLOURED: dict[str, Impossible] = {"eyes": "eye_colour", "skin": "skin_colour"}


def _impossible(clause: Clause) -> Iterator[Intent]:
    if clause.take("clothes"):
        clause.take("not", "colour", "dark", "fair", "brown", "long", "short")
        yield Cannot("clothes")
    if clause.take("details"):
        clause.take("not", "face", "long", "short")
        yield Cannot("details")


def _pictures(clause: Clause) -> Iterator[Intent]:
    if clause.has("sister", "brother"):
        sex = "girl" if clause.take("sister") else "boy"
        clause.take("brother", "younger", "older", "sibling", "again")
        yield Draw("sibling")
        yield SetSex(sex)
    elif clause.has("restart", "help"):
        yield Ask("start_over" if clause.take("restart") else "help")
        clause.take("again", "help", "both")
    elif clause.has("grow") or (clause.has("film") and clause.has("older")):
        yield Draw("film" if clause.take("film") else "grow")
        clause.take("grow", "older", "adult", "baby", "like", "girl", "boy")
    elif clause.has("film"):
        clause.take("film")
        yield Draw("film")
    elif clause.has("card"):
        clause.take("card", "mom", "dad")
        yield Draw("card")
    elif clause.has("sibling", "again") and not clause.said("better"):  # "the other one is better" asks for none
        clause.take("sibling", "again", "like")
        yield Draw("sibling")


def _remarks(clause: Clause) -> list[Intent]:
    """What is said to be friendly; nothing where it is only a part of something else."""
    for concept, remark in REMARKS.items():
        if clause.said(concept):
            return [remark]
    return []


REMARKS = {
    "thanks": Remark("thanks"),
    "praise": Remark("praise"),
    "laugh": Remark("laughter"),
    "hello": Remark("greeting"),
}

RULES: tuple[Callable[[Clause], Iterator[Intent]], ...] = (
    _complaints,
    _percentages,
    _genes,
    _mix,
    _pictures,
    _hair,
    _colours,
    _impossible,
    _age,
    _several,
    _sex,
    _smile,
    _worn,
)
"""In this order: what is more particular comes first."""
