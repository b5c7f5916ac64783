"""Encodes and decodes button callback data. Telegram allows 64 bytes, so the format is terse.

older:<job><signature>                     under a picture: what to do, and with which drawing
who:1:<stamp>:<owner><signature>           under a question: the answer, which question, and whose round it is

Telegram allows 64 bytes and Discord 100, so ids are written in base64 (22 characters) and the signature is an
HMAC-SHA256 cut to 72 bits (12 characters). Each guess costs a request to the chat service, which leaves no way to try
2**71 of them; RFC 2104, section 5, allows such a length. The key is derived from the installation's key. A question's
signature covers the chat as well. A drawing's row names its chat already, so a picture keeps its buttons when a
Telegram group becomes a supergroup.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bots.conversation.effects import Button, Say

MAX_LENGTH = 64
SIGNATURE_BYTES = 9
_ID, _SIGNATURE = "([A-Za-z0-9_-]{22})", "([A-Za-z0-9_-]{12})"
_DRAWING = re.compile(rf"([a-z_]{{1,12}}):{_ID}{_SIGNATURE}")
_QUESTION = re.compile(rf"([a-z_]{{1,12}}):([a-z0-9_]{{0,14}}):([0-9]{{1,6}}):{_ID}{_SIGNATURE}")


@dataclass(frozen=True, slots=True)
class Pressed:
    """What a button says. It is only to be believed when `ButtonSigner.read` has returned it."""

    action: str
    value: str = ""
    question_id: int | None = None
    owner: str | None = None
    job_id: str | None = None
    signature: str = ""


class ButtonSigner:
    """Writes and reads callback data under the keys of this installation."""

    def __init__(self, keys: Callable[[], Sequence[bytes]]) -> None:
        """`keys` are asked for each time, newest first: the first signs, all of them verify."""
        self._keys = keys

    def write(self, button: Button, say: Say, owner: str, chat_id: str) -> str:
        """The callback data of one button of a message in this chat, at most 64 ASCII characters."""
        if say.question_id is None:
            pressed = Pressed(button.action, job_id=say.drawing)
            data = f"{button.action}:{_short(say.drawing or '')}"
        else:
            pressed = Pressed(button.action, button.value, say.question_id, owner)
            data = f"{button.action}:{button.value}:{say.question_id}:{_short(owner)}"
        data += _sign(self._keys()[0], pressed, chat_id)
        assert len(data) <= MAX_LENGTH and read_unverified(data) is not None, (
            "a button that we could not read ourselves"
        )
        return data

    def read(self, data: str, chat_id: str) -> Pressed | None:
        """The reverse of `write`; None for anything that this installation did not write for this chat."""
        pressed = read_unverified(data)
        if pressed is None:
            return None
        signatures = [_sign(key, pressed, chat_id) for key in self._keys()]
        genuine = any(hmac.compare_digest(signature, pressed.signature) for signature in signatures)
        return pressed if genuine else None


def read_unverified(data: str) -> Pressed | None:
    """What callback data claims, whoever wrote it; None for what has neither of the two forms."""
    if match := _DRAWING.fullmatch(data):
        return Pressed(match[1], job_id=_long(match[2]), signature=match[3])
    if match := _QUESTION.fullmatch(data):
        return Pressed(match[1], match[2], int(match[3]), _long(match[4]), signature=match[5])
    return None


def _sign(key: bytes, pressed: Pressed, chat_id: str) -> str:
    if pressed.job_id is not None:
        facts = ["drawing", pressed.action, pressed.job_id]
    else:
        facts = ["question", chat_id, pressed.action, pressed.value, str(pressed.question_id), str(pressed.owner)]
    digest = hmac.new(key, "\0".join(facts).encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest[:SIGNATURE_BYTES]).decode()


def _short(number: str) -> str:
    """An id of ours (32 hexadecimal digits) as 22 characters."""
    return base64.urlsafe_b64encode(bytes.fromhex(number)).decode().rstrip("=")


def _long(short: str) -> str:
    return uuid.UUID(bytes=base64.urlsafe_b64decode(short + "==")).hex
