"""What people type is read in time that grows with its length, not with the square of it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from bots.conversation.events import CommandGiven, TextSaid
from bots.conversation.handlers import social
from bots.i18n import translator
from bots.i18n.parsing import traits, words
from bots.service.conversation_service import MAX_TEXT_LENGTH, bounded
from childface.logging_setup import TOKEN

READERS: dict[str, Callable[[str], object]] = {
    "names": social.read_names,
    "command": words.read_command,
    "role": words.read_role,
    "age": words.read_age_group,
    "words": words.plain_words,
    "genes": traits.read_genes,
    "looks": traits.read_looks,
    "strength": traits.read_strength,
    "code": traits.find_code,
    "direction": translator._begins_right,
    "token": lambda text: TOKEN.sub("", text),
}
FRAGMENTS = (" ", "\n", "a", "1", "-", "1 ", "a-", "a1-", ".", ",", " and", "hair ", "妈", "\u2068", ":", "://", "/a ")

SHORT, LONG = 500, 8000
"""Sixteen times as long may take sixteen times as long; what is quadratic takes 256 times."""


def seconds(reader: Callable[[str], object], text: str) -> float:
    best = float("inf")
    for _ in range(3):
        begin = time.perf_counter()
        reader(text)
        best = min(best, time.perf_counter() - begin)
    return best


@pytest.mark.parametrize("name", READERS)
def test_the_time_to_read_a_text_does_not_grow_with_its_square(name: str) -> None:
    reader = READERS[name]
    too_slow = []
    for fragment in FRAGMENTS:
        for around in ("{}", "/a {}!", "a{}x"):
            short, long = (around.format((fragment * length)[:length]) for length in (SHORT, LONG))
            # Twice, since other work on the machine may slow down one of them.
            if all(seconds(reader, long) > 80 * max(seconds(reader, short), 2e-5) for _ in range(2)):
                too_slow.append((around, fragment))
    assert too_slow == []


def test_only_the_beginning_of_a_long_text_is_read() -> None:
    said, asked = bounded(TextSaid("a" * 5000)), bounded(CommandGiven("names", "b" * 5000))

    assert isinstance(said, TextSaid) and said.text == "a" * MAX_TEXT_LENGTH
    assert isinstance(asked, CommandGiven) and asked.argument == "b" * MAX_TEXT_LENGTH
