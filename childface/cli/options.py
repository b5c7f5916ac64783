"""Options shared by `make`, `grow` and `draw`: a child's genes, looks and code."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from core.domain.child_spec import ChildSpec

LOOK_OPTIONS = {
    "smile": "1 smiles, -1 is grave",
    "mouth": "1 opens the mouth",
    "eyes": "1 opens the eyes wide, -1 narrows them",
    "glasses": "1 puts glasses on",
    "yaw": "1 turns the head to the picture's right",
    "pitch": "1 lifts the chin",
    "hair": "1 is dark hair, -1 fair",
    "hair_length": "1 is long hair, -1 short",
    "light": "1 is light from the picture's right",
    "background": "1 is bright, -1 dark",
    "beard": "1 grows a beard",
    "makeup": "1 is made up",
}
"""What can be asked for, in the order of `core.domain.child_spec.LOOKS` (a test holds the two together)."""


def with_looks(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for every look; it receives those that were used as one dict, `looks`."""

    @functools.wraps(command)
    def taking_looks(**given: Any) -> None:
        told = {name: given.pop(name) for name in LOOK_OPTIONS}
        command(**given, looks={name: value for name, value in told.items() if value is not None})

    own = inspect.signature(command, eval_str=True)
    parameters = [parameter for name, parameter in own.parameters.items() if name != "looks"]
    for name, meaning in LOOK_OPTIONS.items():
        option = typer.Option("--" + name.replace("_", "-"), metavar="-1..1", help=meaning, rich_help_panel="Looks")
        parameters.append(
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[float | None, option]
            )
        )
    for i, parameter in enumerate(parameters):
        parameters[i] = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
    taking_looks.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    taking_looks.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return taking_looks


def read_wish(code: str | None, *, size: int, genes: str | None, looks: dict[str, float], **given: Any) -> ChildSpec:
    """The wish of a code, or the usual one, with what was given on the command line instead. Raises SettingError."""
    from core.domain.child_code import wish_of_code
    from core.domain.child_spec import ChildSpec
    from core.domain.genes import parse_genes

    wish = ChildSpec(size=size) if code is None else wish_of_code(code, size=size)
    changes = {name: value for name, value in given.items() if value is not None}
    if genes is not None:
        changes["genes"] = {**wish.genes, **parse_genes(genes)}
    return replace(wish, **changes, looks={**wish.looks, **looks})


def facts_of_code(code: str) -> dict[str, Any] | None:
    """What a child's code says, as plain facts for the chats: age, sex, mix, seed, genes, looks; None for no code."""
    from core.domain.child_code import wish_of_code
    from core.domain.errors import SettingError

    try:
        facts = asdict(wish_of_code(code))
    except SettingError:
        return None
    del facts["size"]
    return facts
