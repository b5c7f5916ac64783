"""What a button says when it is pressed. Telegram allows 64 bytes, so this is terse.

older:<job>                     under a picture: what to do, and with which drawing
who:1:<stamp>:<owner>           under a question: the answer, which question, and whose round it is
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bots.steps import Button, Say

LONGEST = 64
_DRAWING = re.compile(r"^([a-z_]{1,12}):([0-9a-f]{32})$")
_QUESTION = re.compile(r"^([a-z_]{1,12}):([a-z0-9_]{0,14}):(\d{1,6}):([0-9a-f]{32})$")


@dataclass(frozen=True, slots=True)
class Pressed:
    """The reverse of `button_data`."""

    action: str
    value: str = ""
    stamp: int | None = None
    owner: str | None = None
    job_id: str | None = None


def button_data(button: Button, say: Say, owner: str) -> str:
    """What the button of a message says."""
    if say.stamp is None:
        data = f"{button.action}:{say.drawing}"
    else:
        data = f"{button.action}:{button.value}:{say.stamp}:{owner}"
    assert len(data) <= LONGEST and read_button(data) is not None, "a button that we could not read ourselves"
    return data


def read_button(data: str) -> Pressed | None:
    """None for anything that no button of ours says."""
    if match := _DRAWING.match(data):
        return Pressed(match[1], job_id=match[2])
    if match := _QUESTION.match(data):
        return Pressed(match[1], match[2], int(match[3]), match[4])
    return None
