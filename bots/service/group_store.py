"""Loads and saves the open rounds of a group, stored under a synthetic user.

The rules stand in `bots/conversation/group_rounds.py`; here the list is read and written.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from bots.conversation.events import Role
from bots.conversation.group_rounds import GroupRounds, rounds_from_json
from bots.service.effect_executor import Actor, group_user_name, load_state
from storage.errors import ConversationChanged, NotFound
from storage.records import User
from storage.unit_of_work import Store, UnitOfWork

MAX_TRIES = 8
"""How often the list is rewritten after a concurrent turn."""


class GroupStore:
    """The lists of all groups."""

    def __init__(self, store: Store, user_of: Callable[[Actor], User]) -> None:
        """`user_of` finds or adds the user of a `Actor`."""
        self._store = store
        self._user_of = user_of

    def find_round(
        self, actor: Actor, user_id: str, role: Role | None, reply_to: str | None, replied_user: str | None
    ) -> tuple[str, Role | None]:
        """Whose round somebody's photo joins, and as which parent: "/mom" said before, without a photo, names it."""
        with self._store.read_only() as unit:
            state, version = load_state(unit, actor, user_id)
            replied = unit.users.find(actor.platform, replied_user) if replied_user else None
            owner = load_rounds(unit, actor).owner_for(
                user_id,
                role or state.awaiting_role,
                now=self._store.clock().timestamp(),
                reply_to=reply_to,
                replied_user=replied.id if replied else None,
            )
            if not exists(unit, owner):
                owner = user_id
        if owner == user_id or state.awaiting_role is None:
            return owner, role
        # The photo that this person announced goes to somebody else's round: expect it no longer.
        with suppress(ConversationChanged), self._store.unit() as unit:
            calm = replace(state, awaiting_role=None)
            unit.conversations.save(actor.platform, actor.chat_id, user_id, calm.to_json(), version)
            unit.commit()
        return owner, role or state.awaiting_role

    def note(self, actor: Actor, owner: str, message_id: str | None = None) -> None:
        """Bring the list up to date with one round; a reply to `message_id` will join it."""
        with self._store.read_only() as unit:
            state, _ = load_state(unit, actor, owner)
            desk = load_rounds(unit, actor)
        now = self._store.clock().timestamp()
        if desk.noted(owner, state, now=now, message_id=message_id).rounds == desk.rounds == ():
            return
        group = self._user_of(_as_group(actor))
        # Not in the turn's own unit: everybody's turns in the group would then fight for this one row.
        for _ in range(MAX_TRIES):
            with suppress(ConversationChanged), self._store.unit() as unit:
                saved = unit.conversations.get(actor.platform, actor.chat_id, group.id)
                desk = rounds_from_json(saved.state if saved else None)
                desk = desk.noted(owner, state, now=now, message_id=message_id)
                version = saved.version if saved else 0
                unit.conversations.save(actor.platform, actor.chat_id, group.id, desk.to_json(), version)
                unit.commit()
                return

    def renumber(self, platform: str, before: str, after: str) -> None:
        """A group has got another number: what it chose, who is denied access, rounds and pictures go with it."""
        old, new = (group_user_name(Actor(platform, number, "")) for number in (before, after))
        with self._store.unit() as unit:
            unit.chats.rename(platform, old, new)
            unit.chats.renumber(platform, before, after)
            unit.commit()


def load_rounds(unit: UnitOfWork, actor: Actor) -> GroupRounds:
    """The rounds of a group that wait."""
    group = unit.users.find(actor.platform, group_user_name(actor))
    saved = unit.conversations.get(actor.platform, actor.chat_id, group.id) if group else None
    return rounds_from_json(saved.state if saved else None)


def exists(unit: UnitOfWork, user_id: str) -> bool:
    """Whether we still know this user."""
    try:
        unit.users.get(user_id)
    except NotFound:
        return False
    return True


def _as_group(actor: Actor) -> Actor:
    return replace(actor, user=group_user_name(actor))
