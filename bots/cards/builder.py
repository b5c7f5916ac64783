"""Builds images for sharing from finished drawings: family cards, walls, alt texts.

Pillow is loaded when the first one is asked for: a chat process that nobody asks stays small.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bots.adapters.messenger import Picture
from bots.conversation.effects import CardFacts, Say, WallTile
from bots.i18n.messages import render

if TYPE_CHECKING:
    from PIL import Image


def show_card(facts: CardFacts, trio: Picture, language: str | None) -> Picture:
    """The family card of a picture that holds mom, dad and child side by side."""
    from bots.cards import layout

    sheet = card_sheet(facts, *layout.cut_in_three(trio.data), language)
    alt = render("alt_card", {"name": facts.title, "sex": facts.sex, "age": facts.age}, language)
    return Picture(layout.to_jpeg(sheet, layout.marks_of(trio.data)), "image/jpeg", f"family-{trio.name}", alt)


def card_sheet(
    facts: CardFacts, mom: Image.Image, dad: Image.Image, child: Image.Image, language: str | None
) -> Image.Image:
    """The family card of three square pictures, in the words of a language."""
    from bots.cards import layout

    return layout.family_card(
        layout.FamilyCard(
            mom,
            dad,
            child,
            title=facts.title,
            mom_name=facts.mom_name or render("card_mom", {}, language),
            dad_name=facts.dad_name or render("card_dad", {}, language),
            child_line=line_under(facts.sex, facts.age, language),
            likeness_title=render("card_likeness", {}, language),
            mom_alike=facts.mom_alike,
            dad_alike=facts.dad_alike,
            foot=render("card_foot", {}, language),
            code=facts.code,
        )
    )


def show_wall(tiles: Sequence[WallTile], pictures: Sequence[Picture | None], language: str | None) -> Picture | None:
    """The wall of those children whose picture is still there; None without any."""
    from bots.cards import layout

    there = [(tile, picture) for tile, picture in zip(tiles, pictures, strict=True) if picture is not None]
    if not there:
        return None
    hung = [
        layout.WallTile(
            layout.open_square(picture.data, layout.TILE), tile.name, line_under(tile.sex, tile.age, language)
        )
        for tile, picture in there
    ]
    sheet = layout.family_wall(render("wall_title", {}, language), hung, render("card_foot", {}, language))
    alt = render("alt_wall", {"names": [tile.name for tile, _ in there]}, language)
    newest = there[0][1]
    return Picture(layout.to_jpeg(sheet, layout.marks_of(newest.data)), "image/jpeg", f"wall-{newest.name}", alt)


def line_under(sex: str, age: float, language: str | None) -> str:
    """ "Girl, 6 years"."""
    return render("card_line", {"sex": sex, "age": age}, language)


def alt_text(say: Say, language: str | None) -> str:
    """What a drawing shows, for people who cannot see it."""
    if say.key in ("strip_caption", "clip_caption"):
        key = "alt_strip" if say.key == "strip_caption" else "alt_clip"
        return render(key, {"sex": say.params["sex"]}, language)
    return render("alt_child", {"sex": say.params["sex"], "age": say.params["age"]}, language)
