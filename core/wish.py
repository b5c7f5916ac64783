"""What somebody wishes for: a child's age, sex, mix, seed and the picture's size, each checked."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Literal

from core.errors import SettingError
from core.generator import PICTURE_SIZES

Sex = Literal["girl", "boy", "surprise"]
ParentSex = Literal["female", "male"]

SEXES: tuple[Sex, ...] = ("girl", "boy", "surprise")
OLDEST = 90
DEFAULT_AGE = 6.0
LARGEST_SEED = 2**63 - 1

_GROUP = re.compile(r"\s*(\d{1,3})\s*[-–]\s*(\d{1,3})\s*")


@dataclass(frozen=True)
class Wish:
    """`age` 0 … 90 years; `mix` 0 (all mom) … 100 (all dad); `size` 256, 512 or 1024 px. SettingError outside."""

    age: float = DEFAULT_AGE
    sex: Sex = "surprise"
    mix: float = 50.0
    seed: int = 0
    size: int = 1024

    def __post_init__(self) -> None:
        _within("age", self.age, 0, OLDEST)
        _within("mix", self.mix, 0, 100)
        _within("seed", self.seed, 0, LARGEST_SEED)
        if self.sex not in SEXES:
            raise SettingError(name="sex", value=self.sex, allowed=", ".join(SEXES))
        if self.size not in PICTURE_SIZES:
            raise SettingError(name="size", value=self.size, allowed=", ".join(map(str, PICTURE_SIZES)))


def age_of_group(group: str) -> float:
    """A group of ages such as "11-20" → the whole year in its middle, 15. SettingError where it is none."""
    match = _GROUP.fullmatch(group)
    youngest, oldest = (int(match[1]), int(match[2])) if match else (0, -1)
    if not youngest <= oldest <= OLDEST:
        raise SettingError(name="age-group", value=group, allowed=f"two ages from 0 to {OLDEST}, such as 11-20")
    return float((youngest + oldest) // 2)


def _within(name: str, value: Any, low: float, high: float) -> None:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or not low <= value <= high
    ):
        raise SettingError(name=name, value=value, allowed=f"{low} to {high}")
