"""Whose round a photo in a group joins."""

from __future__ import annotations

from bots.conversation.group_rounds import OPEN_FOR, GroupRounds, lacking, rounds_from_json
from bots.conversation.state import ParentPhoto, State

MOM = ParentPhoto("p1", "s1", "anna")
DAD = ParentPhoto("p2", "s2", "ben")


def waiting(*owners: str, now: float = 0.0) -> GroupRounds:
    """Each of these has sent mom's photo."""
    rounds = GroupRounds()
    for owner in owners:
        rounds = rounds.noted(owner, State(mom=MOM), now=now, message_id=f"m-{owner}")
    return rounds


def test_a_begun_round_lacks_the_other_parent() -> None:
    assert lacking(State()) == ()
    assert lacking(State(mom=MOM)) == ("dad",)
    assert lacking(State(unassigned=(MOM,))) == ("mom", "dad")
    assert lacking(State(mom=MOM, dad=DAD)) == ()


def test_the_parent_that_the_only_round_lacks_joins_it() -> None:
    assert waiting("anna").owner_for("ben", "dad", now=1.0) == "anna"


def test_a_parent_that_nobody_lacks_begins_a_round() -> None:
    assert waiting("anna").owner_for("ben", "mom", now=1.0) == "ben"


def test_a_photo_without_a_name_stays_with_its_sender() -> None:
    assert waiting("anna").owner_for("ben", None, now=1.0) == "ben"


def test_a_reply_joins_the_round_it_answers() -> None:
    desk = waiting("anna", "carl")
    assert desk.owner_for("ben", "dad", now=1.0, reply_to="m-carl") == "carl"
    assert desk.owner_for("ben", None, now=1.0, replied_user="anna") == "anna"


def test_between_several_rounds_nobody_guesses() -> None:
    assert waiting("anna", "carl").owner_for("ben", "dad", now=1.0) == "ben"


def test_an_old_round_is_only_joined_by_a_reply() -> None:
    desk = waiting("anna")
    assert desk.owner_for("ben", "dad", now=OPEN_FOR + 1) == "ben"
    assert desk.owner_for("ben", "dad", now=OPEN_FOR + 1, reply_to="m-anna") == "anna"


def test_ones_own_round_comes_first() -> None:
    assert waiting("anna", "ben").owner_for("ben", "dad", now=1.0) == "ben"


def test_a_complete_round_leaves_the_desk() -> None:
    assert waiting("anna").noted("anna", State(mom=MOM, dad=DAD), now=2.0) == GroupRounds()


def test_the_desk_stays_small() -> None:
    desk = waiting(*(str(number) for number in range(200)))
    for number in range(100):
        desk = desk.noted("199", State(mom=MOM), now=1.0, message_id=str(number))
    assert len(desk.rounds) == 50
    assert len(desk.rounds[-1].messages) == 12


def test_the_desk_survives_json_and_an_unknown_one_is_empty() -> None:
    desk = waiting("anna", "carl")
    assert rounds_from_json(desk.to_json()) == desk
    assert rounds_from_json({"version": 99}) == rounds_from_json(None) == GroupRounds()
