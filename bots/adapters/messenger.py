"""The interface for outgoing messages, as used by the delivery worker and the presenter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class MessengerError(Exception):
    """Root of what a messenger raises."""


class Unreachable(MessengerError):
    """This chat will never take the message: blocked, left, deleted."""


class MessageRejected(MessengerError):
    """The service does not take this message, and will not next time."""


class RetryLater(MessengerError):
    """The service is unavailable or asks for patience beyond ours; the same message may work later.

    `wait`: the seconds it asked for, where it did.
    """

    def __init__(self, wait: float | None = None) -> None:
        super().__init__()
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture or a short film to show, encoded, with words for people who cannot see it."""

    data: bytes
    mime: str
    name: str
    alt: str = ""

    @property
    def moves(self) -> bool:
        """A film rather than a picture."""
        return self.mime.startswith("video/") or self.mime == "image/gif"


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """One message in the words of its reader: text (or caption), rows of (label, data) buttons, perhaps a picture.

    `progress` (0..1) marks a passing message that will become another one. `private`: meant for the one who asked; a
    service that can shows it to nobody else. `poll`: the answers of a poll whose question is `text`.
    """

    text: str
    rows: tuple[tuple[tuple[str, str], ...], ...] = ()
    reply_to: str | None = None
    picture: Picture | None = None
    progress: float | None = None
    private: bool = False
    poll: tuple[str, ...] = ()
    once: str = ""
    """Names this message: sent again under this name within minutes, by whichever process, it is still one message,
    where the service can do that (Discord; Telegram cannot)."""


class Messenger(Protocol):
    """Sends and edits. Each call waits as the service asks and tries again within reason, then raises."""

    async def send(self, chat_id: str, message: OutboundMessage) -> str:
        """A new message; its number."""
        ...

    async def edit(self, chat_id: str, message_id: str, message: OutboundMessage, *, minor: bool = False) -> bool:
        """Make an existing message of ours into this one; False when it is gone. Doing it twice is doing it once.

        A minor edit (progress) is dropped rather than waited for.
        """
        ...

    async def remove(self, chat_id: str, message_id: str) -> None:
        """Delete one of the bot's messages if it still exists."""
        ...

    async def acting(self, chat_id: str) -> None:
        """Show for a few seconds that we are at work; never fails."""
        ...


class ButtonInteraction(Protocol):
    """A button press that waits for an answer."""

    async def toast(self, text: str) -> None:
        """A short notice to the person who pressed the button."""
        ...

    async def close(self, text: str) -> None:
        """Replace the question and its buttons by its answer."""
        ...
