"""Parses Discord interactions into plain values for the conversation. Stores nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import discord

from bots.adapters.picture_files import is_picture_file
from bots.conversation.events import Named, Role
from bots.service.effect_executor import Actor

PLATFORM = "discord"

_MARKUP = re.compile(r"[\\*_~`|<>\[\]()#]")
"""Whatever means something in Discord's markdown; a backslash before it is not shown."""

Interaction = discord.Interaction[discord.Client]


@dataclass(frozen=True, slots=True)
class PhotoRef:
    """A photo that Discord holds, whom it shows, and whose it is if not the speaker's."""

    file: discord.Attachment
    role: Role | None = None
    sender: str | None = None
    reposted: bool = False


@dataclass(frozen=True, slots=True)
class SlashInvocation:
    """A command with all that was given to it."""

    name: str
    argument: str = ""
    photos: tuple[PhotoRef, ...] = ()
    wishes: dict[str, Any] = field(default_factory=dict)


def who_of(interaction: Interaction) -> Actor:
    """The speaker and the place."""
    return Actor(
        PLATFORM,
        str(interaction.channel_id),
        str(interaction.user.id),
        interaction.locale.value,
        group=interaction.guild_id is not None,
        admin=interaction.permissions.manage_guild,
    )


def escape_name(name: str) -> str:
    """A name that shows as it was chosen: nothing in it is bold, a link, a heading or a mention."""
    one_line = " ".join(name.split()).replace("://", ":\u200b//")
    return _MARKUP.sub(r"\\\g<0>", discord.utils.escape_mentions(one_line))


def couple_of(first: discord.User | discord.Member, second: discord.User | discord.Member) -> tuple[Named, ...]:
    """Two people as the conversation names them; nobody where one is a bot, which has no face."""
    if not (is_person(first) and is_person(second)):
        return ()
    return tuple(Named(person.display_name, str(person.id)) for person in (first, second))


def is_person(author: discord.User | discord.Member) -> bool:
    """Whether one person stands behind this name: not a bot, a webhook (which looks like a bot) or Discord itself."""
    return not (author.bot or author.system)


def is_picture(file: discord.Attachment) -> bool:
    """Whether a file claims to be a picture; whether it is one, the pipeline finds out."""
    return is_picture_file(file.filename, file.content_type)


def files_of(message: discord.Message) -> list[discord.Attachment]:
    """What is attached to a message; to the one that it forwards, if it does."""
    forwarded = [file for snapshot in message.message_snapshots for file in snapshot.attachments]
    return [*message.attachments, *forwarded]


def kind_of(message: discord.Message) -> str:
    """An attachment that was sent as a photo."""
    is_video = any((file.content_type or "").startswith("video/") for file in files_of(message))
    return "video" if is_video else "message"


def photo_in(message: discord.Message, role: Role, speaker: str, us: str) -> PhotoRef | None:
    """The first picture of a message, whoever wrote it; None where there is none, or only one that we drew."""
    found = next((file for file in files_of(message) if is_picture(file)), None)
    if found is None or str(message.author.id) == us:
        return None
    writer = str(message.author.id)
    by_person = is_person(message.author) and message.webhook_id is None
    owner = writer if by_person and writer != speaker else None
    return PhotoRef(found, role, owner, reposted=not by_person or found not in message.attachments)


def child_asked(
    photos: dict[Role, discord.Attachment | None], age: float | None, mix: float | None, sex: str | None
) -> SlashInvocation:
    """/child: photos with their names, and wishes as numbers and as words."""
    wishes = {name: value for name, value in (("age", age), ("mix", mix), ("sex", sex)) if value is not None}
    words = [sex or "", "" if age is None else f"{age:g}", "" if mix is None else f"{mix:g}%"]
    given = tuple(PhotoRef(file, role) for role, file in photos.items() if file is not None)
    return SlashInvocation("child", " ".join(word for word in words if word), given, wishes)
