"""What somebody wishes for: a child's age, sex, mix, seed and the picture's size, each checked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from core.errors import SettingError
from core.generator import PICTURE_SIZES

Sex = Literal["girl", "boy", "surprise"]
ParentSex = Literal["female", "male"]

SEXES: tuple[Sex, ...] = ("girl", "boy", "surprise")
OLDEST = 90
LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True)
class Wish:
    """`age` 0 … 90 years; `mix` 0 (all mom) … 100 (all dad); `size` 256, 512 or 1024 px. SettingError outside."""

    age: float = 6.0
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


def _within(name: str, value: Any, low: float, high: float) -> None:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or not low <= value <= high
    ):
        raise SettingError(name=name, value=value, allowed=f"{low} to {high}")
