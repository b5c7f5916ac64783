"""Parses Telegram updates into plain values for the conversation. Stores nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from telegram import CallbackQuery, Document, Message, MessageEntity, MessageOriginUser, User

from bots.adapters.picture_files import is_picture_file
from bots.conversation.events import Named, Role
from bots.i18n.parsing.words import Command, plain_words, read_command, read_role
from bots.service.conversation_service import MAX_TEXT_LENGTH, ReplyTo
from bots.service.effect_executor import Actor

PLATFORM = "telegram"

SHARED_NUMBERS = frozenset({1087968824, 136817688, 777000})
"""Senders behind whom anybody may stand: anonymous admins, people who write as a channel, posts of a linked channel.
https://core.telegram.org/bots/api#message, at `from` and `sender_chat`.
"""

MAX_ROLE_LENGTH = 3
"""Words of a reply that only names a parent, such as "that's mom"."""


@dataclass(frozen=True, slots=True)
class PhotoRef:
    """A photo that Telegram holds: where to fetch it, how large it says it is, who sent it in which message."""

    file_id: str
    size: int | None
    message_id: str
    role: Role | None = None
    sender: str | None = None
    reposted: bool = False


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """One message of a person."""

    actor: Actor
    message_id: str
    addressed: bool
    command: Command | None = None
    text: str | None = None
    photo: PhotoRef | None = None
    album: str | None = None
    other: str | None = None
    reply_to: ReplyTo | None = None
    couple: tuple[Named, ...] = ()
    """The people whom /couple names."""


def read_message(message: Message, me: User) -> IncomingMessage | None:
    """None for what is not said by a person: service messages, channel posts, other bots."""
    person = message.from_user
    if person is None or message.chat.type == "channel" or (person.is_bot and not speaks_as_chat(message)):
        return None
    actor = who_of(person, message)
    text = (message.text or message.caption or "")[:MAX_TEXT_LENGTH] or None
    command = read_command(text, me.username)
    photo = _own_photo(message, command)
    reply = replied_to(message)
    if photo is None and reply is not None:
        photo, command = _photo_replied_to(message, reply, command, me)
    return IncomingMessage(
        actor=actor,
        message_id=str(message.message_id),
        addressed=_is_addressed(message, command, me),
        command=_besides_photo(photo, command),
        text=text if message.text and command is None and photo is None else None,
        photo=photo,
        album=message.media_group_id if photo is not None else None,
        other=None if text is not None or photo is not None else _other_kind(message),
        reply_to=_reply_to(reply, me) if actor.group else None,
        couple=_couple(message, me) if command is not None and command.name == "couple" else (),
    )


def numbers_of_group(messages: Iterable[Message]) -> Iterator[tuple[str, str]]:
    """Old and new id of a group that became a supergroup; both chats get a service message."""
    for message in messages:
        if message.migrate_to_chat_id is not None:
            yield str(message.chat.id), str(message.migrate_to_chat_id)
        elif message.migrate_from_chat_id is not None:
            yield str(message.migrate_from_chat_id), str(message.chat.id)


def who_of(person: User, message: Message) -> Actor:
    """The speaker and the place."""
    group = message.chat.type in ("group", "supergroup")
    # Who speaks in the name of the group itself is an admin who stays anonymous.
    admin = group and message.sender_chat is not None and message.sender_chat.id == message.chat.id
    anonymous = speaks_as_chat(message)
    return Actor(
        PLATFORM,
        str(message.chat.id),
        f"anonymous:{message.chat.id}" if anonymous else str(person.id),
        person.language_code,
        group=group,
        admin=admin,
        anonymous=anonymous,
        username=None if anonymous else username_of(person),
    )


def speaks_as_chat(message: Message) -> bool:
    """Whether a message was sent in the name of a group or channel."""
    person = message.from_user
    return message.sender_chat is not None or (person is not None and person.id in SHARED_NUMBERS)


def is_repost(message: Message) -> bool:
    """Whether what a message shows comes from somebody else than the person who sent it, as far as Telegram tells."""
    person, origin = message.from_user, message.forward_origin
    if person is None or person.is_bot or speaks_as_chat(message) or message.via_bot is not None:
        return True
    if isinstance(origin, MessageOriginUser):
        return origin.sender_user.id != person.id
    return origin is not None


def replied_to(message: Message) -> Message | None:
    """The message replied to. In forum topics, Telegram marks every message as a reply to the topic's first one."""
    reply = message.reply_to_message
    return None if reply is None or reply.forum_topic_created is not None else reply


def has_button(query: CallbackQuery) -> bool:
    """Whether the message stands there with the button that was pressed; a client may name any message and any button.

    Of a message that is too old Telegram does not tell the buttons; then the signature alone must do.
    """
    message = query.message
    if not isinstance(message, Message):
        return message is not None
    rows = message.reply_markup.inline_keyboard if message.reply_markup is not None else ()
    return any(button.callback_data == query.data for row in rows for button in row)


def username_of(person: User) -> str | None:
    """As mentions are compared: in lower case."""
    return person.username.lower() if person.username else None


def _couple(message: Message, me: User) -> tuple[Named, ...]:
    """Those mentioned, and the one replied to; a single one is meant together with the speaker. No bots."""
    people = _mentioned(message)
    reply = replied_to(message)
    if len(people) < 2 and reply is not None and reply.from_user is not None:
        people.append(_named(reply.from_user))
    if len(people) == 1 and message.from_user is not None:
        people.insert(0, _named(message.from_user))
    ours = (me.username or "").lower()
    if any(person is None or person.username == ours for person in people):
        return ()
    return tuple(person for person in people if person is not None)


def _mentioned(message: Message) -> list[Named | None]:
    """@names, whose numbers a bot cannot look up, and people without one, whose number Telegram tells."""
    people: list[Named | None] = []
    entities = {**message.parse_entities(), **message.parse_caption_entities()}
    for entity, words in sorted(entities.items(), key=lambda found: found[0].offset):
        if entity.type == MessageEntity.MENTION:
            people.append(Named(words, username=words.removeprefix("@").lower()))
        elif entity.type == MessageEntity.TEXT_MENTION and entity.user is not None:
            people.append(_named(entity.user))
    return people


def _named(person: User) -> Named | None:
    """None for a bot, which has no face, and for a number behind which anybody may stand."""
    if person.is_bot or person.id in SHARED_NUMBERS:
        return None
    shown = f"@{person.username}" if person.username else person.first_name
    return Named(shown, str(person.id), username_of(person))


def _own_photo(message: Message, command: Command | None) -> PhotoRef | None:
    """The photo of this message, sent as picture or as file, with the parent that its caption names."""
    role: Role | None = None
    if command is None:
        role = read_role((message.caption or "")[:MAX_TEXT_LENGTH])
    elif command.name in ("mom", "dad"):
        role = "mom" if command.name == "mom" else "dad"
    number = str(message.message_id)
    if sizes := message.photo or (message.live_photo.photo if message.live_photo is not None else ()):
        largest = max(sizes, key=lambda size: size.width * size.height)
        return PhotoRef(largest.file_id, largest.file_size, number, role, reposted=is_repost(message))
    if message.document is not None and message.animation is None and is_picture(message.document):
        file = message.document
        return PhotoRef(file.file_id, file.file_size, number, role, reposted=is_repost(message))
    return None


def is_picture(document: Document) -> bool:
    """Whether a file claims to be a picture; whether it is one, the pipeline finds out."""
    return is_picture_file(document.file_name, document.mime_type)


def _photo_replied_to(
    message: Message, reply: Message, command: Command | None, me: User
) -> tuple[PhotoRef | None, Command | None]:
    """ "/mom" or "mom" as an answer to a photo names that photo, whoever sent it."""
    role: Role | None = None
    if command is not None and command.name in ("mom", "dad"):
        role = "mom" if command.name == "mom" else "dad"
    elif command is None and len(plain_words((message.text or "")[:MAX_TEXT_LENGTH])) <= MAX_ROLE_LENGTH:
        role = read_role((message.text or "")[:MAX_TEXT_LENGTH])
    photo = _own_photo(reply, None)
    sender = reply.from_user
    if role is None or photo is None or (sender is not None and sender.id == me.id):
        return None, command
    assert message.from_user is not None
    is_person = sender is not None and not sender.is_bot and not speaks_as_chat(reply)
    owner = str(sender.id) if sender is not None and is_person and sender.id != message.from_user.id else None
    return replace(photo, role=role, sender=owner), Command(role, "")


def _besides_photo(photo: PhotoRef | None, command: Command | None) -> Command | None:
    """The command left to handle after the photo is accepted: "/age 7" as caption, but not "/mom"."""
    if photo is not None and command is not None and command.name in ("mom", "dad"):
        return None
    return command


def _is_addressed(message: Message, command: Command | None, me: User) -> bool:
    """Whether a message means us: always in private; in a group by command, by name, or as a reply to us."""
    if message.chat.type == "private" or command is not None:
        return True
    reply = replied_to(message)
    if reply is not None and reply.from_user is not None and reply.from_user.id == me.id:
        return True
    text = (message.text or message.caption or "").lower()
    return (me.username or "").lower() in re.findall(r"@(\w+)", text)


def _reply_to(reply: Message | None, me: User) -> ReplyTo | None:
    if reply is None:
        return None
    writer = reply.from_user
    user = str(writer.id) if writer is not None and writer.id != me.id and not speaks_as_chat(reply) else None
    return ReplyTo(str(reply.message_id), user)


def _other_kind(message: Message) -> str | None:
    """The kind of any other message; None for service messages (joined, pinned …)."""
    kinds = (
        "animation", "video", "live_photo", "video_note", "sticker", "voice", "audio", "location", "venue", "contact",
        "poll", "dice", "story", "game", "document", "paid_media", "checklist",
    )  # fmt: skip
    return next((kind for kind in kinds if getattr(message, kind, None)), None)
