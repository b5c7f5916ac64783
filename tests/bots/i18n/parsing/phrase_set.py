"""The messages of `phrases/*.toml`, in two fixed halves, and intents in their notation (`phrases/README.md`)."""

from __future__ import annotations

import tomllib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bots.i18n.parsing.intents import (
    Ask,
    Cannot,
    Complaint,
    Draw,
    Intent,
    Remark,
    SetAge,
    SetGene,
    SetLook,
    SetMix,
    SetSex,
    ShiftAge,
    ShiftMix,
)
from bots.i18n.parsing.reader import read_intents

FOLDER = Path(__file__).parent / "phrases"
NO_DEED = ("cannot", "complaint", "thanks", "laughter", "praise", "greeting", "help", "start_over")
"""What is only answered."""


@dataclass(frozen=True)
class Phrase:
    """A message in a language, and what it asks for."""

    language: str
    text: str
    expected: frozenset[str]

    @property
    def held_out(self) -> bool:
        """Whether it belongs to the half that the grammar was not tuned on."""
        return zlib.crc32(self.text.encode()) % 2 == 0

    @cached_property
    def found(self) -> frozenset[str]:
        return frozenset(map(notation, read_intents(self.text, self.language)))

    @property
    def right(self) -> bool:
        return self.found == self.expected

    @property
    def wrong_deeds(self) -> frozenset[str]:
        """Deeds that nobody asked for."""
        return frozenset(deed for deed in self.found - self.expected if deed.split()[0] not in NO_DEED)


def phrases(languages: Iterable[str] | None = None) -> list[Phrase]:
    """All messages, or those in some languages."""
    chosen = sorted(path.stem for path in FOLDER.glob("*.toml")) if languages is None else languages
    return [
        Phrase(language, text, frozenset(part.strip() for part in expected.split(",") if part.strip()))
        for language in chosen
        for text, expected in tomllib.loads((FOLDER / f"{language}.toml").read_text()).items()
    ]


def notation(intent: Intent) -> str:
    """An intent as the files write it."""
    match intent:
        case SetAge(years):
            return f"age {years:g}"
        case ShiftAge(direction, amount, years):
            return " ".join([direction, *([f"{years:g}"] if years is not None else [amount] * (amount != "usual"))])
        case SetSex(sex):
            return sex
        case SetMix(share):
            return f"mix {share:g}"
        case ShiftMix(toward, amount):
            return " ".join(["more", toward, *[amount] * (amount != "usual")])
        case SetLook(look, strength):
            return f"look {look} {strength:g}"
        case SetGene(trait, source):
            return f"gene {trait} {source}"
        case Draw(what):
            return what
        case Cannot(what):
            return f"cannot {what}"
        case Complaint(about):
            return f"complaint {about}"
        case Remark(kind):
            return kind
        case Ask(command):
            return command
