"""`childface card`: the family card of two photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from childface.cli import files
from childface.cli.options import read_wish, with_looks
from childface.cli.output import CliError, progress
from childface.cli.render import (
    Adult,
    Age,
    AgeGroup,
    Code,
    Dad,
    Face,
    Genes,
    Json,
    Mix,
    Mom,
    Refine,
    Seed,
    SexOption,
    answer,
    checked,
    marks,
    open_pipeline,
    years_of,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from core.pipeline import Child
    from core.pipeline_protocol import Pipeline

    Pixels = npt.NDArray[np.uint8]

ON_CARD = 512
"""Pixels of each picture before it is laid onto the card."""


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(epilog='Example: childface card mom.jpg dad.jpg --names "Anna, Ben, Mia" -o card.png')(with_looks(card))


def card(
    ctx: typer.Context,
    mom: Mom,
    dad: Dad,
    names: Annotated[str, typer.Option(metavar="MOM,DAD[,CHILD]", help="What they are called on the card.")] = "",
    language: Annotated[
        str, typer.Option(metavar="CODE", help="Of the words: en, es, pt, ru, de, hi, zh or ar.")
    ] = "en",
    age: Age = None,
    age_group: AgeGroup = None,
    sex: SexOption = None,
    mix: Mix = None,
    seed: Seed = None,
    genes: Genes = None,
    code: Code = None,
    refine: Refine = False,
    mom_face: Face = None,
    dad_face: Face = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the card goes: PNG or JPEG.")] = Path("card.png"),
    adult: Adult = False,
    as_json: Json = False,
    *,
    looks: dict[str, float],
) -> None:
    """Draw a family card: mom + dad = child, with names and how much the child takes after each."""
    given = _names(names)
    spoken = _language(language)
    kind = files.kind_of(out)
    sources = [files.read(mom), files.read(dad)]
    years = years_of(age, age_group)
    wish = read_wish(code, age=years, sex=sex, mix=mix, seed=seed, size=ON_CARD, genes=genes, looks=looks)
    pipeline = open_pipeline(ctx)
    parents = [checked(ctx, one, adult) for one in files.both(pipeline, sources, (mom_face, dad_face), refine)]
    with progress("Drawing the child") as report:
        child = pipeline.make(parents[0].latent, parents[1].latent, wish, progress=report)
    faces = [_face(pipeline, parent) for parent in parents]
    files.write(out, _sheet(faces, child, given, spoken), kind, **marks(ctx))
    answer(out, files.facts_of(out, [child], parents), as_json)


def _names(text: str) -> tuple[str, ...]:
    from bots.conversation.handlers.social import MAX_NAME_LENGTH, read_names

    names = read_names(text)
    if names and len(names) not in (2, 3):
        raise CliError(f"--names is {text!r}; allowed: mom's and dad's, perhaps the child's, such as Anna,Ben,Mia")
    if any(len(name) > MAX_NAME_LENGTH for name in names):
        raise CliError(f"--names is {text!r}; allowed: up to {MAX_NAME_LENGTH} letters each")
    return names


def _language(code: str) -> str:
    from bots.i18n.languages import LANGUAGES, language_of

    language = language_of(code)
    if language is None:
        raise CliError(f"--language is {code!r}; allowed: {', '.join(LANGUAGES)}")
    return language


def _face(pipeline: Pipeline, parent: files.ParentFile) -> Pixels:
    """The face of a photo as it was cut out; of a latent, as it is drawn."""
    return pipeline.draw(parent.latent, size=ON_CARD) if parent.crop is None else parent.crop


def _sheet(faces: list[Pixels], child: Child, names: tuple[str, ...], language: str) -> Pixels:
    import numpy as np
    from PIL import Image

    from bots.cards.builder import card_sheet
    from bots.conversation.effects import CardFacts
    from bots.i18n.child_names import child_name

    mom, dad, title, *_ = (*names, "", "", "")
    facts = CardFacts(
        title=title or child_name(child.seed, child.sex, language),
        sex=child.sex,
        age=child.age,
        mom_alike=child.likeness["mom"],
        dad_alike=child.likeness["dad"],
        mom_name=mom,
        dad_name=dad,
        code=child.code,
    )
    trio: list[Any] = [Image.fromarray(picture) for picture in (*faces, child.image)]
    return np.array(card_sheet(facts, trio[0], trio[1], trio[2], language))
