"""The specification of a child: age, sex, mix, genes, looks, seed and image size, validated.

Loads no model library: a chat process reads codes (`core.domain.child_code`) with this.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.domain.errors import SettingError
from core.domain.genes import TraitSource, check_genes

Sex = Literal["girl", "boy", "surprise"]
ParentSex = Literal["female", "male"]

SEXES: tuple[Sex, ...] = ("girl", "boy", "surprise")
OLDEST = 90
PICTURE_SIZES = (256, 512, 1024)
"""Pixels."""
DEFAULT_AGE = 6.0
MAX_SEED = 2**63 - 1

_GROUP = re.compile(r"\s*(\d{1,3})\s*[-–]\s*(\d{1,3})\s*")

AGE_STEP, MIX_STEP, LOOK_STEP = 0.01, 0.1, 0.05
"""Wishes are rounded to these steps: nobody sees less, and a short code can tell them exactly."""

LOOKS = (
    "smile", "mouth", "eyes", "glasses", "yaw", "pitch",
    "hair", "hair_length", "light", "background", "beard", "makeup",
)  # fmt: skip
"""What can be asked for beyond age and genes, each from -1 to 1 (see `core.latent.attributes`); 0 is the usual."""


@dataclass(frozen=True)
class ChildSpec:
    """`age` 0 … 90 years; `mix` 0 (all mom) … 100 (all dad); `size` 256, 512 or 1024 px. SettingError outside.

    `genes`: traits that shall come from "mom", "dad" or "both" (see `core.domain.genes`), the others are drawn by the
    seed. `looks`: some of LOOKS, each -1 … 1.
    """

    age: float = DEFAULT_AGE
    sex: Sex = "surprise"
    mix: float = 50.0
    seed: int = 0
    size: int = 1024
    genes: Mapping[str, TraitSource] = field(default_factory=dict)
    looks: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _within("age", self.age, 0, OLDEST)
        _within("mix", self.mix, 0, 100)
        _within("seed", self.seed, 0, MAX_SEED)
        if self.sex not in SEXES:
            raise SettingError(name="sex", value=self.sex, allowed=", ".join(SEXES))
        if self.size not in PICTURE_SIZES:
            raise SettingError(name="size", value=self.size, allowed=", ".join(map(str, PICTURE_SIZES)))
        for name, value in (
            ("age", _round(self.age, AGE_STEP)),
            ("mix", _round(self.mix, MIX_STEP)),
            ("genes", check_genes(self.genes)),
            ("looks", check_looks(self.looks)),
        ):
            object.__setattr__(self, name, value)


def check_looks(looks: Mapping[str, float]) -> dict[str, float]:
    """The same looks rounded, in the order of LOOKS and without zeros; SettingError for an unknown name or value."""
    for name, value in looks.items():
        if name not in LOOKS:
            raise SettingError(name="looks", value=name, allowed=", ".join(LOOKS))
        _within(name, value, -1, 1)
    rounded = {name: _round(looks[name], LOOK_STEP) for name in LOOKS if name in looks}
    return {name: value for name, value in rounded.items() if value}


def _round(value: float, step: float) -> float:
    """To the nearest multiple of a step, without the dust of binary fractions."""
    return round(round(value / step) * step, 6)


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
