"""Renders messages: text in the reader's language, button data, images from storage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bots.adapters.messenger import ButtonInteraction, Messenger, OutboundMessage, Picture
from bots.cards.builder import alt_text, show_card, show_wall
from bots.conversation.effects import CloseQuestion, Faces, OutgoingMessage, Say, Toast
from bots.i18n.messages import render
from bots.service.conversation_service import ConversationService
from bots.service.visibility import is_private
from observability.logs import get_logger
from storage.errors import StorageError

log = get_logger(__name__)

ASKS_FOR_PHOTO = frozenset({
    "welcome", "welcome_group", "help", "send_two_photos", "send_other_parent", "send_mom", "send_dad", "named_mom",
    "named_dad", "waiting_for_mom", "waiting_for_dad", "other_message", "forgotten", "nothing_to_cancel",
})  # fmt: skip
"""Texts after which people will want to send a photo."""


NAMES = frozenset({"name", "other", "first", "second"})
"""Parameters of texts that hold what people call themselves or their child."""

ENDINGS = {"image/png": "png", "image/gif": "gif", "video/mp4": "mp4"}


@dataclass(frozen=True, slots=True)
class DeliveryTarget:
    """Where messages are shown, in which language, for whose round."""

    chat_id: str
    owner: str
    language: str | None = None
    group: bool = False
    late: bool = False
    """Not the answer to what was just said: words about a photo then reply to it, so that it is clear which."""
    reply_to: str | None = None
    """The message all this is about, where a line does not say."""


class Presenter:
    """Words and pictures for lines."""

    def __init__(
        self,
        service: ConversationService,
        photo_hint: str | None = None,
        escape: Callable[[str], str] = lambda name: name,
    ) -> None:
        """`photo_hint`: key of a sentence on how photos come, where a service has its own way, added where we ask.

        `escape`: takes the markup of a service out of names, which people choose themselves.
        """
        self._escape = escape
        self._service = service
        self._photo_hint = photo_hint
        self._store = service.store

    async def show(
        self,
        messenger: Messenger,
        target: DeliveryTarget,
        lines: list[OutgoingMessage],
        interaction: ButtonInteraction | None = None,
    ) -> list[str]:
        """Show lines one after the other; the numbers of the messages that were sent."""
        sent = []
        for line in lines:
            match line:
                case Say():
                    sent.append(await messenger.send(target.chat_id, await self.note(target, line)))
                case Toast(key, params):
                    text = self._words(key, params, target.language)
                    if interaction is not None:
                        await interaction.toast(text)
                    else:
                        sent.append(await messenger.send(target.chat_id, OutboundMessage(text)))
                case CloseQuestion(key, params):
                    if interaction is not None:
                        await interaction.close(self._words(key, params, target.language))
        return sent

    async def note(self, target: DeliveryTarget, say: Say) -> OutboundMessage:
        """A message in the words of its reader. A picture that is gone is said to be gone."""
        picture = await self._service.run_in_thread(self._picture, say, target.language)
        if picture is None and (say.drawing is not None or say.wall):
            return OutboundMessage(render("picture_gone", {}, target.language))
        text = self._words(say.key, say.params, target.language)
        if self._photo_hint is not None and say.key in ASKS_FOR_PHOTO:
            text = f"{text}\n\n{render(self._photo_hint, {}, target.language)}"
        write = self._service.buttons.write
        rows = tuple(
            tuple(
                (render(b.label, b.params, target.language), write(b, say, target.owner, target.chat_id)) for b in row
            )
            for row in say.buttons
        )
        # In a private chat replying to everything is noise; in a group it says to whom we speak.
        quote = target.group or (target.late and say.drawing is None)
        reply_to = (say.reply_to or target.reply_to) if quote else None
        private = target.group and is_private(say.key) and not say.params.get("public")
        poll = tuple(render(answer, {}, target.language) for answer in say.poll)
        return OutboundMessage(text, rows, reply_to, picture, private=private, poll=poll)

    def _words(self, key: str, params: Mapping[str, Any], language: str | None) -> str:
        named = {name: self._escape(value) for name, value in params.items() if name in NAMES and value}
        return render(key, {**params, **named}, language)

    def _picture(self, say: Say, language: str | None) -> Picture | None:
        """The picture of a message, with words for people who cannot see it."""
        if say.faces is not None:
            return self._faces(say.faces)
        if say.wall:
            return show_wall(say.wall, [self._drawing(tile.job_id) for tile in say.wall], language)
        if say.drawing is None:
            return None
        drawn = self._drawing(say.drawing)
        if drawn is None:
            return None
        if say.card is not None:
            return show_card(say.card, drawn, language)
        return replace(drawn, alt=alt_text(say, language))

    def _drawing(self, job_id: str) -> Picture | None:
        try:
            with self._store.read_only() as unit:
                result = unit.results.for_job(job_id)
                if result is None:
                    return None
                data = unit.results.data(result.id)
        except StorageError as fault:
            log.warning("its picture cannot be read", job=job_id, code=fault.code)
            return None
        kind = ENDINGS.get(result.mime, "jpg")
        # A file name of its own, so that two pictures saved by hand do not overwrite each other.
        return Picture(data, result.mime, f"child-{job_id[:8]}.{kind}")

    def _faces(self, faces: Faces) -> Picture | None:
        """The photo with numbered faces; None if it cannot be shown, leaving only the text."""
        from bots.cards.face_numbers import number_faces

        try:
            with self._store.read_only() as unit:
                data = unit.photos.data(faces.photo_id)
        except StorageError:
            return None
        numbered = number_faces(data, faces.boxes, self._service.open_photo)
        return None if numbered is None else Picture(numbered, "image/jpeg", f"faces-{faces.photo_id[:8]}.jpg")
