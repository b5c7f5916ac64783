"""Decides which round a photo in a group belongs to: the parents' photos may come from different people.

Each round belongs to the person who began it and stands in that person's conversation. The group itself keeps only
this list of rounds that still wait for a photo.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from bots.conversation.events import Role
from bots.conversation.state import State

VERSION = 1
OPEN_FOR = 30 * 60.0
"""Seconds within which another person's photo may join a round without replying to it."""
MAX_ROUNDS = 50
MAX_MESSAGES = 12


@dataclass(frozen=True, slots=True)
class OpenRound:
    """A round that waits: its owner, the parents it lacks, the messages a reply to which joins it."""

    owner: str
    wants: tuple[Role, ...]
    touched: float
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupRounds:
    """All waiting rounds of one group, the one touched last at the end."""

    rounds: tuple[OpenRound, ...] = ()

    def owner_for(
        self,
        sender: str,
        role: Role | None,
        *,
        now: float,
        reply_to: str | None = None,
        replied_user: str | None = None,
    ) -> str:
        """Whose round a photo joins.

        1. the round it is a reply to, if that one lacks this parent
        2. the sender's own round, if that one waits
        3. the only other round that lacks this parent and is still fresh
        4. a new round of the sender's
        """
        fitting = [r for r in self.rounds if role is None or role in r.wants]
        for found in fitting:
            if (reply_to is not None and reply_to in found.messages) or replied_user == found.owner:
                return found.owner
        if role is None or any(r.owner == sender for r in self.rounds):
            return sender
        fresh = [r for r in fitting if now - r.touched <= OPEN_FOR]
        return fresh[0].owner if len(fresh) == 1 else sender

    def lacks(self, role: Role | None, now: float) -> bool:
        """Whether a fresh round waits for this parent."""
        return any(role in r.wants and now - r.touched <= OPEN_FOR for r in self.rounds)

    def noted(self, owner: str, state: State, *, now: float, message_id: str | None = None) -> GroupRounds:
        """The rounds after a turn of `owner`: a round is listed while it lacks a parent."""
        before = next((r for r in self.rounds if r.owner == owner), OpenRound(owner, (), now))
        others = tuple(r for r in self.rounds if r.owner != owner)
        wants = lacking(state)
        if not wants:
            return replace(self, rounds=others)
        messages = before.messages if message_id is None else (*before.messages, message_id)[-MAX_MESSAGES:]
        fresh = OpenRound(owner, wants, now, tuple(dict.fromkeys(messages)))
        return replace(self, rounds=(*others, fresh)[-MAX_ROUNDS:])

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists."""
        return {"version": VERSION, **asdict(self)}


def rounds_from_json(data: dict[str, Any] | None) -> GroupRounds:
    """The reverse of `GroupRounds.to_json`; an unknown version yields no rounds."""
    if data is None or data.get("version") != VERSION:
        return GroupRounds()
    return GroupRounds(
        tuple(OpenRound(r["owner"], tuple(r["wants"]), r["touched"], tuple(r["messages"])) for r in data["rounds"])
    )


def lacking(state: State) -> tuple[Role, ...]:
    """The parents that an open round still lacks; empty for a round that is complete or has no photo."""
    if len(state.photos) != 1:
        return ()
    if state.mom is not None:
        return ("dad",)
    if state.dad is not None:
        return ("mom",)
    return ("mom", "dad")
