"""Discord's slash commands and context menu entries.

Names are the same in all languages, as in the other chats; descriptions, choices and menus are localised.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, Optional

import discord
from discord import app_commands
from discord.app_commands import Choice, Transform, locale_str

from bots import commands
from bots.conversation.events import Role
from bots.discord.parsing import Interaction, PhotoRef, SlashInvocation, child_asked
from bots.i18n.languages import language_of
from bots.i18n.messages import render
from bots.i18n.parsing.traits import CHANCE, LOOKS, SOURCES, TRAITS
from bots.i18n.parsing.words import OLDEST

Handle = Callable[[Interaction, SlashInvocation], Awaitable[None]]
HandleMessage = Callable[[Interaction, Role, discord.Message], Awaitable[None]]
Person = discord.User | discord.Member
HandleCouple = Callable[[Interaction, Person, Person], Awaitable[None]]

OWN_FORM = (
    "child", "mom", "dad", "age", "group", "mix", "sex", "genes", "smile", "look", "code", "couple", "wall", "names",
    "wish", "admin",
)  # fmt: skip
"""Commands that take more than words; all others are registered as they come."""

Sex = Literal["girl", "boy", "surprise"]


def _text(key: str) -> locale_str:
    return locale_str(render(key, {}), key=key)


SOURCE_CHOICES = [Choice(name=_text(f"gene_{source}"), value=source) for source in (*SOURCES, CHANCE)]


class Number(app_commands.Transformer):
    """A number with bounds that Discord's own programs keep; what breaks them is answered by the conversation."""

    def __init__(self, most: float, least: float = 0.0) -> None:
        self._most, self._least = most, least

    @property
    def type(self) -> discord.AppCommandOptionType:
        """A number, not only a whole one: half a year is an age."""
        return discord.AppCommandOptionType.number

    @property
    def min_value(self) -> float:
        """The least that is offered."""
        return self._least

    @property
    def max_value(self) -> float:
        """The most that is offered."""
        return self._most

    async def transform(self, interaction: Interaction, value: Any, /) -> float:
        """As it came."""
        return float(value)


Age = Transform[float, Number(OLDEST)]
Group = Literal["0-10", "11-20", "21-30", "31-40", "41-50", "51-60", "61-70", "71-80", "81-90"]
Mix = Transform[float, Number(100.0)]
Strength = Transform[float, Number(1.0, -1.0)]


def register(
    tree: app_commands.CommandTree[Any], handle: Handle, heed_message: HandleMessage, heed_couple: HandleCouple
) -> None:
    """Add every command and menu to the tree."""
    for command in (*_with_photos(handle), *_wishes(handle), *_looks(handle), *_sharing(handle), _couple(heed_couple)):
        tree.add_command(command)
    names = dict.fromkeys((*commands.PRIVATE, *commands.GROUP))
    for name in names:
        if name not in OWN_FORM:
            tree.add_command(_plain(name, handle))
    for role in ("mom", "dad"):
        tree.add_command(_menu(role, heed_message))
    tree.add_command(_menu_couple(heed_couple))


def _with_photos(handle: Handle) -> list[app_commands.Command[Any, ..., None]]:
    async def child(
        interaction: Interaction,
        mom: Optional[discord.Attachment] = None,  # noqa: UP045  - discord.py reads these annotations itself
        dad: Optional[discord.Attachment] = None,  # noqa: UP045
        age: Optional[Age] = None,  # noqa: UP045
        mix: Optional[Mix] = None,  # noqa: UP045
        sex: Optional[Sex] = None,  # noqa: UP045
    ) -> None:
        await handle(interaction, child_asked({"mom": mom, "dad": dad}, age, mix, sex))

    async def mom(interaction: Interaction, photo: Optional[discord.Attachment] = None) -> None:  # noqa: UP045
        await handle(interaction, SlashInvocation("mom", photos=_photos(photo, "mom")))

    async def dad(interaction: Interaction, photo: Optional[discord.Attachment] = None) -> None:  # noqa: UP045
        await handle(interaction, SlashInvocation("dad", photos=_photos(photo, "dad")))

    return [_command(child), _command(mom), _command(dad)]


def _wishes(handle: Handle) -> list[app_commands.Command[Any, ..., None]]:
    async def age(interaction: Interaction, age: Optional[Age] = None) -> None:  # noqa: UP045
        await handle(interaction, SlashInvocation("age", "" if age is None else f"{age:g}"))

    async def mix(interaction: Interaction, mix: Optional[Mix] = None) -> None:  # noqa: UP045
        await handle(interaction, SlashInvocation("mix", "" if mix is None else f"{mix:g}"))

    async def sex(interaction: Interaction, sex: Optional[Sex] = None) -> None:  # noqa: UP045
        await handle(interaction, SlashInvocation("sex", sex or ""))

    async def group(interaction: Interaction, group: Optional[Group] = None) -> None:  # noqa: UP045
        await handle(interaction, SlashInvocation("group", group or ""))

    async def wish(interaction: Interaction, wish: str) -> None:
        await handle(interaction, SlashInvocation("wish", wish))

    return [_command(age), _command(group), _command(mix), _command(sex), _command(wish)]


def _looks(handle: Handle) -> list[app_commands.Command[Any, ..., None]]:
    async def genes(interaction: Interaction, reset: bool = False, **given: str | None) -> None:
        await handle(interaction, SlashInvocation("genes", "reset" if reset else _told(given)))

    async def look(interaction: Interaction, reset: bool = False, **given: float | None) -> None:
        await handle(interaction, SlashInvocation("look", "reset" if reset else _told(given)))

    async def smile(interaction: Interaction, strength: Optional[Strength] = None) -> None:  # noqa: UP045
        await handle(interaction, SlashInvocation("smile", "" if strength is None else f"{strength:g}"))

    async def code(interaction: Interaction, code: Optional[str] = None) -> None:  # noqa: UP045
        await handle(interaction, SlashInvocation("code", code or ""))

    genes_of_all = app_commands.choices(**{trait: SOURCE_CHOICES for trait in TRAITS})(
        _taking(genes, TRAITS, Optional[str])  # noqa: UP045
    )
    return [
        _command(genes_of_all, options={trait: f"trait_{trait}" for trait in TRAITS}),
        _command(_taking(look, LOOKS, Optional[Strength]), options={look: f"option_look_{look}" for look in LOOKS}),  # noqa: UP045
        _command(smile),
        _command(code),
    ]


def _taking(callback: Any, names: Sequence[str], kind: Any) -> Any:
    """The same callback with an option for each name instead of `**given`; discord.py reads the signature."""
    own = inspect.signature(callback)
    interaction, *others = [each for each in own.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
    more = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=kind)
        for name in names
    ]
    callback.__signature__ = own.replace(parameters=[interaction, *more, *others])
    return callback


def _told(given: Mapping[str, str | float | None]) -> str:
    """As somebody would type it."""
    return " ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in given.items()
        if value is not None
    )


def _sharing(handle: Handle) -> list[app_commands.Command[Any, ..., None]]:
    async def wall(interaction: Interaction, switch: Optional[Literal["on", "off"]] = None) -> None:  # noqa: UP045
        await handle(interaction, SlashInvocation("wall", switch or ""))

    async def names(interaction: Interaction, names: str) -> None:
        await handle(interaction, SlashInvocation("names", names))

    async def admin(interaction: Interaction, words: Optional[str] = None) -> None:  # noqa: UP045
        await handle(interaction, SlashInvocation("admin", words or ""))

    for_operators = _command(admin)
    for_operators.default_permissions = discord.Permissions(administrator=True)
    return [_command(wall), _command(names), for_operators]


def _plain(name: str, handle: Handle) -> app_commands.Command[Any, ..., None]:
    async def plain(interaction: Interaction) -> None:
        await handle(interaction, SlashInvocation(name))

    return _command(plain, name)


def _menu(role: Role, handle: HandleMessage) -> app_commands.ContextMenu:
    async def use(interaction: Interaction, message: discord.Message) -> None:
        await handle(interaction, role, message)

    return app_commands.ContextMenu(name=_text(f"menu_{role}"), callback=use)


def _couple(handle: HandleCouple) -> app_commands.Command[Any, ..., None]:
    async def couple(
        interaction: Interaction,
        first: discord.User,
        second: Optional[discord.User] = None,  # noqa: UP045
    ) -> None:
        people = (interaction.user, first) if second is None else (first, second)
        await handle(interaction, *people)

    return _command(couple)


def _menu_couple(handle: HandleCouple) -> app_commands.ContextMenu:
    async def together(interaction: Interaction, other: discord.User) -> None:
        await handle(interaction, interaction.user, other)

    return app_commands.ContextMenu(name=_text("menu_couple"), callback=together)


def _photos(file: discord.Attachment | None, role: Role) -> tuple[PhotoRef, ...]:
    return () if file is None else (PhotoRef(file, role),)


def _command(
    callback: Any, name: str | None = None, options: Mapping[str, str] | None = None
) -> app_commands.Command[Any, ..., None]:
    """A slash command with descriptions in every language we have."""
    name = name or callback.__name__
    keys = {**OPTIONS, **(options or {})}
    described = {parameter: _text(keys[parameter]) for parameter in _parameters(callback)}
    callback = app_commands.describe(**described)(callback)
    if "sex" in described:
        choices = [Choice(name=_text(value), value=value) for value in ("girl", "boy", "surprise")]
        callback = app_commands.choices(sex=choices)(callback)
    return app_commands.Command(name=name, description=_text(f"command_{name}"), callback=callback)


OPTIONS = {"mom": "option_mom", "dad": "option_dad", "photo": "option_photo", "age": "option_age",
           "mix": "option_mix", "sex": "option_sex", "first": "option_first", "second": "option_second",
           "switch": "option_switch", "names": "option_names", "words": "option_words", "group": "option_group",
           "strength": "option_strength", "reset": "option_reset", "code": "option_code",
           "wish": "option_wish"}  # fmt: skip


def _parameters(callback: Any) -> tuple[str, ...]:
    return tuple(inspect.signature(callback).parameters)[1:]


class MenuWords(app_commands.Translator):
    """Our catalogues, as discord.py asks for them."""

    async def translate(
        self, string: locale_str, locale: discord.Locale, context: app_commands.TranslationContextTypes
    ) -> str | None:
        """The words of a language; None where they would be the same as in English, or we have none."""
        language = language_of(locale.value)
        if language is None or "key" not in string.extras:  # what has no key is a name that stays as it is
            return None
        words = render(string.extras["key"], {}, language)
        return None if words == string.message else words
