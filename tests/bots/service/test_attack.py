"""After any sequence of presses, photos, withdrawals and deletions nobody else's things have changed.

A model-based test: Hypothesis tries random sequences and shortens one that fails. ATTACK_SEQUENCES says how many there
are: 25 by default; docs/security.md says how many were tried in one go.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from bots.conversation.events import CommandGiven, CoupleProposed, Named, OfferedPhoto, PendingPhotos, TextSaid
from bots.conversation.router import BUTTONS
from bots.service.effect_executor import Actor
from tests.support.chats.attack import GROUPS, MALLORY, PEOPLE, World, only

SEQUENCES = int(os.environ.get("ATTACK_SEQUENCES", "25"))
STEPS = 30

people = st.sampled_from(PEOPLE)
groups = st.sampled_from(GROUPS)
places = st.sampled_from([*GROUPS, "", ""])
"""In which chat; "" is the private one."""
anything = st.integers(0, 10_000)
roles = st.sampled_from(["mom", "dad", None])
motifs = st.sampled_from(["mom", "dad", "someone", "crowd:2", "crowd:3", "nobody", "youth"])
ACTIONS = [*BUTTONS, "nonsense"]
VALUES = [
    "yes",
    "no",
    "ask",
    "0",
    "1",
    "9",
    "99",
    "both",
    "zz",
    "",
    "mom",
    "dad",
    "new",
    "refine",
    "age",
    "ar",
    "reset",
]
VALUES += ["me", "other", "eyes_mom", "eyes", "smile", "smile_4", "girl", "-1"]
COMMANDS = [
    ("age", "9"), ("sex", "boy"), ("mix", "20"), ("settings", ""), ("language", ""), ("language", "de"),
    ("cancel", ""), ("child", ""), ("sibling", ""), ("grow", ""), ("genes", ""), ("look", ""), ("mom", ""),
    ("dad", ""), ("privacy", ""), ("delete_my_data", ""), ("withdraw", ""),
]  # fmt: skip


def at(number: str, place: str) -> Actor:
    return Actor("telegram", place or number, number, "en", group=place in GROUPS)


class Attack(RuleBasedStateMachine):
    """Everybody does what they like; Mallory also what a client should not be able to do."""

    migrated: Path

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.migrated)
        self.messages: list[tuple[str, str, str]] = []
        """Group, number of the message, person: what can be replied to."""

    def teardown(self) -> None:
        left = self.world.traces(sorted(self.world.gone))
        self.world.close()
        assert left == set(), "what was deleted has come back"

    @rule(person=people, place=places, motif=motifs, role=roles, reply=anything, reposted=st.booleans())
    def sends_a_photo(self, person: str, place: str, motif: str, role: str, reply: int, reposted: bool) -> None:
        who, number = at(person, place), str(len(self.messages) + 10)
        others = [message for message in self.messages if message[0] == place]
        _, to, writer = others[reply % len(others)] if others and reply % 2 else ("", None, None)
        photo = OfferedPhoto(self.world.unique(f"{motif} "), number, role, None, reposted=reposted)  # type: ignore[arg-type]
        with only(self.world, person):
            self.world.take_in(who, PendingPhotos((photo,), to, writer))
        self.messages.append((place, number, person))

    @rule(person=people, group=groups, other=people, role=st.sampled_from(["mom", "dad"]))
    def uses_somebodys_photo(self, person: str, group: str, other: str, role: str) -> None:
        sender = None if other == person else other
        photo = OfferedPhoto(self.world.unique("someone "), "5", role, sender)  # type: ignore[arg-type]
        with only(self.world, person):
            self.world.take_in(at(person, group), PendingPhotos((photo,)))

    @rule(which=anything)
    def a_download_ends(self, which: int) -> None:
        if self.world.fetches:
            who, offer = self.world.fetches.pop(which % len(self.world.fetches))
            known = set(self.world.snapshot().users)
            with only(self.world, who.user):
                self.world.fetched(who, offer)
            senders = {photo.sender for photo in offer.photos if photo.sender} - {who.user}
            assert set(self.world.snapshot().users) & senders <= known, "a deleted person came back"

    @rule(person=people, group=groups, first=people, second=people)
    def proposes_a_couple(self, person: str, group: str, first: str, second: str) -> None:
        event = CoupleProposed((Named("one", number=first), Named("two", number=second)), "7")
        with only(self.world, person):
            self.world.hear(at(person, group), event)

    @rule(which=anything)
    def profile_photos_come(self, which: int) -> None:
        if self.world.couples:
            who, agreement = self.world.couples.pop(which % len(self.world.couples))
            known = set(self.world.snapshot().users)
            self.world.couple_fetched(who, agreement)
            assert set(self.world.snapshot().users) - known == set(), "a deleted person came back"

    @rule(person=people, place=places, command=st.sampled_from(COMMANDS))
    def gives_a_command(self, person: str, place: str, command: tuple[str, str]) -> None:
        with only(self.world, person):
            self.world.hear(at(person, place), CommandGiven(*command))

    @rule(person=people, place=places)
    def names_the_parents(self, person: str, place: str) -> None:
        name = self.world.unique("Zora")
        self.world.names.setdefault(person, []).append(name)
        with only(self.world, person):
            self.world.hear(at(person, place), CommandGiven("names", f"{name}, Ben"))

    @rule(person=people, place=places, words=st.sampled_from(["1", "2", "mom", "no", "girl", "hello"]))
    def says_something(self, person: str, place: str, words: str) -> None:
        with only(self.world, person):
            self.world.hear(at(person, place), TextSaid(words))

    @rule(person=people, place=places)
    def says_yes(self, person: str, place: str) -> None:
        """Which deletes, if that was the question."""
        words = self.world.words_about(person)
        with only(self.world, person, deletes=True):
            self.world.hear(at(person, place), TextSaid("yes"))
        self._note_what_is_gone(person, words)

    @rule(person=people, which=anything)
    def presses(self, person: str, which: int) -> None:
        """Any button that ever stood in one of this person's chats, also somebody else's."""
        visible = [button for button in self.world.buttons if button[0] in (*GROUPS, person)]
        if visible:
            chat, data = visible[-1 - which % len(visible)]
            words = self.world.words_about(person)
            with only(self.world, person, deletes=True):
                self.world.press(at(person, "" if chat == person else chat), data)
            self._note_what_is_gone(person, words)

    def _note_what_is_gone(self, person: str, words: list[str]) -> None:
        if words and words[0] not in (facts[0] for facts in self.world.snapshot().users.values()):
            self.world.gone.update(words)
            assert self.world.traces([*words, person]) == set()

    @rule(
        place=places, action=st.sampled_from(ACTIONS), value=st.sampled_from(VALUES), stamp=st.integers(1, 12),
        victim=people, which=anything,
    )  # fmt: skip
    def mallory_forges_a_press(self, place: str, action: str, value: str, stamp: int, victim: str, which: int) -> None:
        snapshot = self.world.snapshot()
        owner = snapshot.users[victim][0] if victim in snapshot.users else "f" * 32
        jobs = sorted(snapshot.jobs) or ["0" * 32]
        mallory = at(MALLORY, place)
        self.world.dialogue.language_for(mallory)
        value = value if value != "-1" else "_1"
        for data in self.world.forge(mallory.chat_id, action, value, stamp, owner, jobs[which % len(jobs)]):
            if MALLORY in snapshot.users:
                with only(self.world, MALLORY, forged=True):
                    self.world.press(mallory, data)

    @rule(person=people, place=places, command=st.sampled_from(["delete_my_data", "withdraw"]))
    def leaves(self, person: str, place: str, command: str) -> None:
        with only(self.world, person, deletes=True):
            self.world.delete(at(person, place), command)

    @rule(person=people)
    def agrees(self, person: str) -> None:
        photo = OfferedPhoto(self.world.unique("mom "), "5")
        with only(self.world, person):
            self.world.take_in(at(person, ""), PendingPhotos((photo,)))
            self.world.hear(at(person, ""), TextSaid("yes"))

    @rule()
    def the_worker_works(self) -> None:
        self.world.work()

    @invariant()
    def photos_belong_to_people_who_agreed(self) -> None:
        snapshot = self.world.snapshot()
        for owner, *_ in snapshot.photos.values():
            assert snapshot.users[owner][1] is not None


@pytest.mark.slow
def test_nobody_else_is_touched_by_any_sequence(migrated_file: Path) -> None:
    machine = type("Attack", (Attack,), {"migrated": migrated_file})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=SEQUENCES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            print_blob=True,
        ),
    )
