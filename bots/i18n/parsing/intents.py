"""What somebody may ask for in plain words. The conversation decides what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["older", "younger"]
Amount = Literal["little", "usual", "much"]
Parent = Literal["mom", "dad"]
Impossible = Literal["eye_colour", "hair_colour", "hair_texture", "skin_colour", "clothes", "details", "several"]


@dataclass(frozen=True, slots=True)
class SetAge:
    """An age in years, as it was said: it may lie outside of what can be drawn."""

    years: float


@dataclass(frozen=True, slots=True)
class ShiftAge:
    """Older or younger than now, by so many years, or by a step."""

    direction: Direction
    amount: Amount = "usual"
    years: float | None = None


@dataclass(frozen=True, slots=True)
class SetSex:
    """girl, boy or surprise."""

    sex: str


@dataclass(frozen=True, slots=True)
class SetMix:
    """0 is all mom, 100 all dad. As it was said: it may lie outside."""

    share: float


@dataclass(frozen=True, slots=True)
class ShiftMix:
    """More of one parent than now."""

    toward: Parent
    amount: Amount = "usual"


@dataclass(frozen=True, slots=True)
class SetLook:
    """One of the looks, -1 … 1."""

    look: str
    strength: float


@dataclass(frozen=True, slots=True)
class SetGene:
    """A trait that is to come from mom or dad."""

    trait: str
    source: Parent


@dataclass(frozen=True, slots=True)
class Draw:
    """Another picture: a sibling, the growth strip, the film or the family card."""

    what: Literal["sibling", "grow", "film", "card"]


@dataclass(frozen=True, slots=True)
class Cannot:
    """Something that nobody can choose here."""

    what: Impossible


@dataclass(frozen=True, slots=True)
class Complaint:
    """The picture looks odd, or like nobody in the family."""

    about: Literal["looks", "likeness"]


@dataclass(frozen=True, slots=True)
class Remark:
    """Said to be friendly."""

    kind: Literal["thanks", "laughter", "praise", "greeting"]


@dataclass(frozen=True, slots=True)
class Ask:
    """A command in plain words."""

    command: Literal["help", "start_over"]


Wish = SetAge | ShiftAge | SetSex | SetMix | ShiftMix | SetLook | SetGene | Draw
Intent = Wish | Cannot | Complaint | Remark | Ask
WISHES = (SetAge, ShiftAge, SetSex, SetMix, ShiftMix, SetLook, SetGene, Draw)
"""What draws something."""
RELATIVE = (ShiftAge, ShiftMix)
"""What means nothing without a child to compare with."""
