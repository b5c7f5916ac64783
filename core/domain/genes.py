"""The traits that a child inherits from mom or dad, and their text format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from core.domain.errors import SettingError

TraitSource = Literal["mom", "dad", "both"]
SOURCES: tuple[TraitSource, ...] = ("mom", "dad", "both")

TRAITS = ("face", "eyes", "brows", "nose", "mouth", "jaw", "skin", "hair")
"""Every trait is a gene of its own: the shape of the face, of its parts, the tone of the skin, the hair."""

CLEARLY = 1 / 3
"""Below this share of dad a trait is called mom's, above one minus it dad's, between them both's."""


def source_of(share: float) -> TraitSource:
    """Whose a trait is, told from dad's share in it (0 … 1)."""
    return "mom" if share < CLEARLY else "dad" if share > 1 - CLEARLY else "both"


def share_of(source: str) -> float:
    """Dad's share of a trait that somebody asked for."""
    return {"mom": 0.0, "dad": 1.0, "both": 0.5}[source]


def check_genes(genes: Mapping[str, str]) -> dict[str, TraitSource]:
    """The same genes in the order of TRAITS; SettingError when a trait or a source is unknown."""
    checked: dict[str, TraitSource] = {}
    for trait, source in genes.items():
        if trait not in TRAITS:
            raise SettingError(name="genes", value=trait, allowed=", ".join(TRAITS))
        if source not in SOURCES:
            raise SettingError(name=f"genes: {trait}", value=source, allowed=", ".join(SOURCES))
    for trait in TRAITS:
        for source in SOURCES:
            if genes.get(trait) == source:
                checked[trait] = source
    return checked


def parse_genes(text: str) -> dict[str, TraitSource]:
    """`eyes=mom, nose=dad` → genes; SettingError when it says anything else.

    >>> parse_genes("nose=dad,eyes=mom")
    {'eyes': 'mom', 'nose': 'dad'}
    """
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        trait, equals, source = (word.strip().lower() for word in part.partition("="))
        if not equals or trait in found:
            raise SettingError(name="genes", value=text, allowed="each trait once, such as eyes=mom,nose=dad")
        found[trait] = source
    return check_genes(found)
