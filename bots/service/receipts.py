"""Tracks how far a recorded update has been processed."""

from __future__ import annotations

import json
from typing import Any

from storage.unit_of_work import UnitOfWork


class Receipt:
    """One update, or the several of an album; handed along with what was said in it.

    Each turn that the update causes has a number. Answered again after a crash, a turn that was taken finds what it
    answered then instead of being taken twice.
    """

    def __init__(self, source: str, number: int) -> None:
        self.source = source
        self.numbers = [number]
        self._turns = 0

    def rewind(self) -> None:
        """Begin with the first turn again."""
        self._turns = 0

    def next_turn(self) -> int:
        """The number of the turn that begins."""
        self._turns += 1
        return self._turns - 1

    def take(self, unit: UnitOfWork, turn: int, answer: dict[str, Any]) -> bool:
        """Write down, in the unit that does it, that a turn is done. False when it was done before."""
        return unit.inbox.take(self.source, self.numbers[0], turn, json.dumps(answer).encode())

    def recall(self, unit: UnitOfWork, turn: int) -> dict[str, Any] | None:
        """What the turn answered; None when all of it was shown."""
        told = unit.inbox.answer(self.source, self.numbers[0], turn)
        if told is None:
            return None
        answer: dict[str, Any] = json.loads(told)
        return answer
