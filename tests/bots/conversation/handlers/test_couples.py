"""Two people, both of whom must agree; told to the pure machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bots.conversation.effects import CloseQuestion, FetchAvatars, QueueEncode, Step
from bots.conversation.events import AvatarsReceived, Named, NewPhoto
from bots.conversation.handlers.couples import AGREE_WITHIN
from bots.conversation.state import State, state_from_json
from tests.support.chats.story import OWNER, Story

ANNA = Named("@anna", username="anna")
BEN = Named("Ben", number="2")


@pytest.fixture
def story() -> Story:
    """Carl asks for a child of Anna, of whom only the user name is known, and Ben, whose number is."""
    story = Story(group=True)
    story.propose(ANNA, BEN)
    return story


def both_agree(story: Story) -> list[Step]:
    story.answers("2")
    return story.answers("1", username="anna")


def avatars(*missing: str) -> AvatarsReceived:
    photos = [NewPhoto("a", "sa", "id1"), NewPhoto("b", "sb", "id2")]
    return AvatarsReceived(tuple(p for p, number in zip(photos, "12", strict=True) if number not in missing), missing)


def closed(story: Story) -> list[str]:
    return [line.key for line in story.steps if isinstance(line, CloseQuestion)]


def test_nothing_is_fetched_before_both_agreed(story: Story) -> None:
    story.answers("2")
    assert story.deeds(FetchAvatars) == []
    assert story.keys == ["couple_thanks", "couple_one_agreed"]
    story.answers("1", username="anna")
    assert story.deeds(FetchAvatars) == [FetchAvatars(("1", "2"))]
    assert closed(story) == ["couple_both_agreed"]


def test_their_photos_are_looked_at_and_drawn_as_if_they_had_sent_them(story: Story) -> None:
    both_agree(story)
    story.hear(avatars())
    assert [deed.photo_id for deed in story.deeds(QueueEncode)] == ["a", "b"]
    story.encoded("a", "female")
    story.encoded("b", "male")
    child = story.last_drawing.child
    assert (child.mom, child.dad) == ("a", "b")
    assert "anna" not in str(story.state.to_json())  # their names were only needed until they were looked at


def test_one_person_cannot_agree_for_both(story: Story) -> None:
    story.propose(Named("@anna", username="anna"), Named("Anna", number="1"))
    story.answers("1", username="anna")
    story.answers("1", username="anna")
    assert story.deeds(FetchAvatars) == []
    assert story.keys == ["couple_waits"]


@pytest.mark.parametrize(("number", "username"), [("9", None), ("9", "carl"), ("1", None), ("9", "ben")])
def test_only_the_named_are_heard(story: Story, number: str, username: str | None) -> None:
    before = story.state.proposal
    story.answers(number, username=username)
    assert story.keys == ["couple_not_you"]
    assert story.state.proposal == before


def test_the_one_who_asked_is_not_heard_for_others_but_may_take_it_back(story: Story) -> None:
    story.answers("3", user=OWNER)
    assert story.keys == ["couple_not_you"]
    story.answers("3", "no", user=OWNER)
    assert closed(story) == ["couple_taken_back"]
    assert story.state.proposal is None


def test_each_of_the_two_may_decline_even_after_agreeing(story: Story) -> None:
    story.answers("2")
    story.answers("2", "no")
    assert closed(story) == ["couple_declined"]
    assert story.state.proposal is None
    assert story.state.questions == ()


def test_it_expires(story: Story) -> None:
    story.answers("2")
    story.context = replace(story.context, now=AGREE_WITHIN + 10)
    story.answers("1", username="anna")
    assert closed(story) == ["couple_expired"]
    assert story.deeds(FetchAvatars) == []


@pytest.mark.parametrize(
    ("people", "key"),
    [
        ((), "couple_how"),
        ((ANNA,), "couple_how"),
        ((ANNA, BEN, Named("@carl", username="carl")), "couple_how"),
        ((ANNA, ANNA), "couple_same"),
        ((BEN, Named("@benny", number="2", username="benny")), "couple_same"),
    ],
)
def test_a_couple_is_two_people(people: tuple[Named, ...], key: str) -> None:
    story = Story(group=True)
    story.propose(*people)
    assert story.keys == [key]
    assert story.state.proposal is None


def test_in_private_there_is_nobody_to_ask() -> None:
    story = Story()
    story.propose(ANNA, BEN)
    assert story.keys == ["couple_needs_group"]
    story.command("/couple")
    assert story.keys == ["couple_needs_group"]


def test_a_photo_that_cannot_be_seen_is_told_and_the_other_waits(story: Story) -> None:
    both_agree(story)
    story.hear(avatars("2"))
    assert "couple_no_photo" in story.keys
    assert len(story.state.unassigned) == 1


def test_a_profile_photo_without_a_face_is_told_by_name(story: Story) -> None:
    both_agree(story)
    story.hear(avatars())
    story.refused("a", "no_face")
    assert story.keys == ["couple_photo_unusable"]
    assert [photo.photo_id for photo in story.state.photos] == ["b"]


def test_cancel_takes_the_question_back(story: Story) -> None:
    story.command("/cancel")
    assert story.state.proposal is None


def test_photos_of_a_couple_that_did_not_agree_are_not_taken(story: Story) -> None:
    story.answers("2")
    story.hear(avatars())
    assert story.state.photos == ()


def test_the_names_are_forgotten_with_the_round(story: Story) -> None:
    both_agree(story)
    story.hear(avatars())
    story.command("/cancel")
    assert "anna" not in str(story.state.to_json())


def test_a_state_saved_before_there_were_couples_is_still_read() -> None:
    saved: dict[str, Any] = State().to_json()
    del saved["proposal"]
    assert state_from_json(saved) == State()
