"""Names, the gene card, the poll, the family card and the wall, told to the pure machine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bots.conversation.effects import FindWall, QueueDrawing, SaveGroup, Say
from bots.conversation.events import WallChild, WallFound
from bots.conversation.handlers.social import MAX_NAME_LENGTH, POLL_ANSWERS, read_names
from bots.conversation.turn import Preferences
from bots.i18n.child_names import NAMES, child_name
from tests.support.chats.story import OWNER, Story


def shown(story: Story) -> Say:
    """The picture of the latest turn."""
    return next(line for line in story.steps if isinstance(line, Say) and line.drawing)


def card(story: Story, job: str) -> Say:
    """Ask for the family card of a picture, and see it."""
    story.press_under(job, "card")
    assert story.last_drawing.kind == "card"
    story.ready(story.last_job, likeness={"mom": 80.0, "dad": 60.0})
    return shown(story)


# Names


@pytest.mark.parametrize("language", NAMES)
def test_each_language_has_many_names_for_girls_and_for_boys(language: str) -> None:
    girls, boys = ({child_name(seed, sex, language) for seed in range(400)} for sex in ("girl", "boy"))
    assert len(girls) >= 20 and len(boys) >= 20
    assert len(girls & boys) == 0


def test_a_child_keeps_its_name_and_a_sibling_has_another() -> None:
    assert child_name(7, "girl", "de") == child_name(7, "girl", "de-AT")
    assert len({child_name(seed, "girl", "de") for seed in range(10)}) > 4


def test_a_language_without_names_borrows_english_ones() -> None:
    assert child_name(7, "boy", "tlh") == child_name(7, "boy", None) == child_name(7, "boy", "en")


def test_in_a_group_the_child_has_a_name_in_the_groups_language() -> None:
    story = Story(group=True)
    job = story.couple()
    seed = story.jobs[job].child.seed
    story.ready(job)
    assert shown(story).params["name"] == child_name(seed, "girl", "en")
    private = Story()
    private.first_child()
    assert "name" not in shown(private).params


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Anna, Ben", ("Anna", "Ben")),
        ("Anna & Ben", ("Anna", "Ben")),
        ("Anna und Ben", ("Anna", "Ben")),
        ("Anna Ben", ("Anna", "Ben")),
        ("Ana María, José Luis, Sofía", ("Ana María", "José Luis", "Sofía")),
        ("أحمد، ليلى", ("أحمد", "ليلى")),
        ("安娜、本", ("安娜", "本")),
        ("Anna", ("Anna",)),
        ("", ()),
    ],
)
def test_names_are_read_as_people_write_them(text: str, names: tuple[str, ...]) -> None:
    assert read_names(text) == names


# The family card


def test_the_card_tells_of_this_child_and_its_likeness() -> None:
    story = Story()
    job = story.first_child()
    said = card(story, job)
    assert story.last_drawing.child == story.jobs[job].child
    assert said.card is not None
    assert (said.card.mom_alike, said.card.dad_alike, said.card.age) == (80.0, 60.0, 6.0)
    assert (said.card.mom_name, said.card.title) == ("", child_name(story.last_drawing.child.seed, "girl", "en"))


def test_given_names_stand_on_the_card() -> None:
    story = Story()
    job = story.first_child()
    story.command("/names Anna, Ben, Mia")
    assert story.keys == ["names_noted"]
    said = card(story, job)
    assert said.card is not None
    assert (said.card.mom_name, said.card.dad_name, said.card.title) == ("Anna", "Ben", "Mia")


def test_names_belong_to_one_couple_and_go_with_it() -> None:
    story = Story()
    job = story.first_child()
    story.command("/names Anna, Ben")
    second = story.couple()
    story.ready(second)
    said = card(story, second)
    assert said.card is not None and said.card.mom_name == ""
    assert "Anna" not in str(story.state.to_json())
    said = card(story, job)
    assert said.card is not None and said.card.mom_name == ""


@pytest.mark.parametrize(
    ("command", "key"),
    [
        ("/names", "names_how"),
        ("/names Anna", "names_how"),
        ("/names a, b, c, d", "names_how"),
        (f"/names {'x' * (MAX_NAME_LENGTH + 1)}, Ben", "names_too_long"),
    ],
)
def test_bad_names_change_nothing(command: str, key: str) -> None:
    story = Story()
    story.command(command)
    assert story.keys == [key]
    assert story.state.names == ()


# Genes and the poll


def test_the_gene_card_says_whose_each_trait_is_once() -> None:
    story = Story()
    story.genes = {"eyes": "mom", "nose": "dad"}
    job = story.first_child()
    story.press_under(job, "genes")
    assert story.keys == ["gene_card"]
    story.press_under(job, "genes")
    assert story.keys == ["already_told"]


def test_a_picture_of_an_older_program_has_no_genes_to_tell() -> None:
    story = Story()
    story.press_under(story.first_child(), "genes")
    assert story.keys == ["no_genes"]


def test_a_group_is_asked_once_whom_the_child_takes_after() -> None:
    story = Story(group=True)
    job = story.first_child()
    assert "poll" in [button.action for row in shown(story).buttons for button in row]
    story.press_under(job, "poll")
    [poll] = [line for line in story.steps if isinstance(line, Say)]
    assert poll.poll == POLL_ANSWERS
    story.press_under(job, "poll")
    assert story.keys == ["already_told"]


def test_alone_nobody_can_be_asked() -> None:
    story = Story()
    story.first_child()
    assert "poll" not in [button.action for row in shown(story).buttons for button in row]


# The wall


def group(*, wall: bool = False, admin: bool = False) -> Story:
    story = Story(group=True, preferences=Preferences())
    story.context = replace(story.context, wall=wall, admin=admin)
    return story


def test_the_wall_is_off_until_an_admin_allows_it() -> None:
    story = group()
    story.command("/wall")
    assert story.keys == ["wall_is_off"]
    story.command("/wall on")
    assert story.keys == ["wall_admins_only"]
    assert story.deeds(SaveGroup) == []


@pytest.mark.parametrize(("word", "wall"), [("on", True), ("OFF", False), ("yes", True), ("нет", False)])
def test_admins_switch_it(word: str, wall: bool) -> None:
    story = group(admin=True)
    story.command(f"/wall {word}")
    assert story.deeds(SaveGroup) == [SaveGroup(wall)]
    assert story.keys == ["wall_on" if wall else "wall_off"]


def test_words_that_are_neither_change_nothing() -> None:
    story = group(admin=True)
    story.command("/wall maybe")
    assert story.keys == ["wall_how"]
    assert story.deeds(SaveGroup) == []


def test_an_allowed_wall_is_looked_up_and_shown_with_names() -> None:
    story = group(wall=True)
    story.command("/wall")
    assert story.deeds(FindWall) == [FindWall(None)]
    story.hear(WallFound((WallChild("job9", "boy", 3.0, 7),)))
    [wall] = [line for line in story.steps if isinstance(line, Say)]
    [tile] = wall.wall
    assert (tile.job_id, tile.name, tile.age) == ("job9", child_name(7, "boy", "en"), 3.0)


def test_an_empty_wall_says_so() -> None:
    story = group(wall=True)
    story.hear(WallFound(()))
    assert story.keys == ["wall_empty"]


def test_in_private_there_is_no_wall() -> None:
    story = Story()
    story.command("/wall on")
    assert story.keys == ["wall_needs_group"]
    assert OWNER and not story.deeds(QueueDrawing)
