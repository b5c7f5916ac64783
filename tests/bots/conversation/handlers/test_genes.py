"""Genes, looks, groups of ages and codes, told to the pure machine."""

from __future__ import annotations

from typing import Any

import pytest

from bots.conversation.effects import Button, CloseQuestion, QueueDrawing, Say
from bots.conversation.events import TextSaid
from bots.conversation.state import State, state_from_json
from core.domain.child_code import code_of
from core.domain.child_spec import ChildSpec
from tests.support.chats.story import Story

CARD = {"eyes": "mom", "nose": "dad", "hair": "both"}


def drawn_family() -> Story:
    """A couple with a child whose picture told its genes."""
    story = Story()
    story.genes = CARD
    story.first_child()
    return story


def last_say(story: Story) -> Say:
    return [line for line in story.steps if isinstance(line, Say)][-1]


def labels(story: Story) -> list[str]:
    return [button.label for row in last_say(story).buttons for button in row]


# Genes


def test_traits_are_added_to_those_chosen_before() -> None:
    story = drawn_family()
    story.command("/genes eyes=mom")
    story.ready(story.last_job)
    story.command("/genes nose from dad")
    assert story.last_drawing.child.genes == {"eyes": "mom", "nose": "dad"}


def test_a_chosen_trait_is_left_to_chance_again_and_the_others_stay() -> None:
    story = drawn_family()
    story.command("/genes eyes=mom nose=dad")
    story.ready(story.last_job)
    story.command("/genes eyes=chance")
    assert story.last_drawing.child.genes == {"nose": "dad"}


def test_only_the_genes_change() -> None:
    story = drawn_family()
    before = story.last_drawing.child
    story.command("/genes jaw=both")
    after = story.last_drawing.child
    assert (after.seed, after.age, after.mix, after.sex, after.looks) == (
        before.seed,
        before.age,
        before.mix,
        before.sex,
        before.looks,
    )


def test_what_was_wished_before_there_are_photos_holds_for_the_first_child() -> None:
    story = Story()
    story.command("/genes skin=dad")
    assert story.keys == ["noted_traits"]
    story.command("/smile 0.5")
    assert story.keys == ["noted_looks"]
    story.album()
    for photo, sex in zip(("photo1", "photo2"), ("female", "male"), strict=True):
        story.encoded(photo, sex)
    child = story.last_drawing.child
    assert (child.genes, child.looks) == ({"skin": "dad"}, {"smile": 0.5})


def test_genes_and_looks_hold_for_siblings_strips_and_further_children_of_a_couple() -> None:
    story = drawn_family()
    story.command("/genes eyes=dad")
    story.ready(story.last_job)
    story.command("/look beard=1")
    story.ready(story.last_job)
    for command in ("/sibling", "/grow", "/child", "/age 30"):
        story.command(command)
        child = story.last_drawing.child
        assert (child.genes, child.looks) == ({"eyes": "dad"}, {"beard": 1.0}), command
        story.ready(story.last_job)


def test_a_new_couple_begins_without_them() -> None:
    story = drawn_family()
    story.command("/genes eyes=dad")
    story.ready(story.last_job)
    story.couple()
    assert (story.last_drawing.child.genes, story.last_drawing.child.looks) == ({}, {})


def test_a_better_photo_of_mom_keeps_them() -> None:
    story = drawn_family()
    story.command("/genes eyes=dad")
    story.ready(story.last_job)
    story.encoded(story.photo("mom"), "female")
    assert story.last_drawing.child.genes == {"eyes": "dad"}


def test_forgetting_the_photos_forgets_them() -> None:
    story = drawn_family()
    story.command("/genes eyes=dad")
    story.ready(story.last_job)
    story.command("/cancel")
    assert (story.state.genes, story.state.looks, story.state.shown) == ({}, {}, None)


def test_the_card_is_that_of_the_last_picture_and_marks_what_was_chosen() -> None:
    story = drawn_family()
    story.command("/genes eyes=mom")
    story.ready(story.last_job)
    story.command("/genes")
    card = last_say(story)
    assert card.params["genes"] == {"eyes": ["mom", True], "nose": ["dad", False], "hair": ["both", False]}
    assert card.params["code"] == story.code
    assert labels(story)[-1] == "genes_by_chance"


def test_before_any_picture_the_card_tells_what_was_wished() -> None:
    story = Story()
    story.command("/genes")
    assert story.keys == ["ask_genes"] and "genes_by_chance" not in labels(story)
    story.command("/genes hair=mom")
    story.command("/genes")
    assert last_say(story).params["traits"] == {"hair": "mom"}


def test_a_trait_is_changed_by_two_buttons() -> None:
    story = drawn_family()
    story.command("/genes")
    story.press("trait_nose")
    assert labels(story) == ["gene_mom", "gene_dad", "gene_both", "gene_chance"]
    story.press("gene_mom")
    assert story.deeds(CloseQuestion) == [CloseQuestion("noted_traits", {"traits": {"nose": "mom"}})]
    assert story.last_drawing.child.genes == {"nose": "mom"}


def test_or_by_a_button_and_a_word() -> None:
    story = drawn_family()
    story.command("/genes")
    story.press("trait_nose")
    story.say("mom!")
    assert story.last_drawing.child.genes == {"nose": "mom"}


def test_traits_may_be_typed_under_the_card() -> None:
    story = drawn_family()
    story.command("/genes")
    story.say("mouth and chin from mom")
    assert story.last_drawing.child.genes == {"mouth": "mom", "jaw": "mom"}


@pytest.mark.parametrize("command", ["/genes", "/look"])
def test_reset_may_be_typed_under_the_question(command: str) -> None:
    story = drawn_family()
    story.command("/genes eyes=mom")
    story.ready(story.last_job)
    story.command("/look beard=1")
    story.ready(story.last_job)
    story.command(command)
    story.say("Reset!")
    child = story.last_drawing.child
    assert (child.genes, child.looks)[command == "/look"] == {}
    assert (child.genes, child.looks)[command == "/genes"] != {}


def test_the_card_of_an_older_picture_is_about_its_child() -> None:
    story = drawn_family()
    first = story.last_job
    story.command("/sibling")
    story.ready(story.last_job)
    story.press_under(first, "genes")
    story.press("trait_eyes")
    story.press("gene_dad")
    assert story.last_drawing.child.seed == story.jobs[first].child.seed
    assert story.last_drawing.child.genes == {"eyes": "dad"}


def test_the_card_of_an_older_couple_takes_it_up_again() -> None:
    story = drawn_family()
    first = story.last_job
    story.ready(story.couple())
    story.press_under(first, "genes")
    assert story.state.couple == (story.jobs[first].child.mom, story.jobs[first].child.dad)
    story.command("/child")
    assert story.last_drawing.child.mom == story.jobs[first].child.mom


def test_while_something_else_is_under_way_a_card_has_no_buttons() -> None:
    story = drawn_family()
    first = story.last_job
    story.command("/sibling")
    sibling = story.state.child
    story.press_under(first, "genes")
    assert story.keys == ["gene_card"] and labels(story) == []
    assert story.state.child == sibling
    story.ready(story.last_job)
    story.album()
    story.press_under(story.last_job, "genes")
    assert story.keys == ["gene_card"] and labels(story) == []
    assert story.state.child is None


def test_a_picture_that_is_drawn_next_is_the_one_that_is_changed() -> None:
    story = drawn_family()
    story.command("/age 12")
    story.command("/smile 1")
    story.command("/genes eyes=mom")
    assert story.keys == ["drawn_next"]
    story.ready(story.last_job)
    child = story.last_drawing.child
    assert (child.age, child.looks, child.genes) == (12.0, {"smile": 1.0}, {"eyes": "mom"})


# Looks


def test_looks_are_added_and_taken_away_one_by_one() -> None:
    story = drawn_family()
    story.command("/look glasses=1, hair -0.5")
    story.ready(story.last_job)
    story.command("/look no glasses")
    assert story.last_drawing.child.looks == {"hair": -0.5}
    story.ready(story.last_job)
    story.command("/look reset")
    assert story.last_drawing.child.looks == {}


def test_a_smile_by_button_and_by_number() -> None:
    story = drawn_family()
    story.command("/smile")
    assert last_say(story).key == "ask_look"
    story.press("strength", "smile_3")
    assert story.last_drawing.child.looks == {"smile": 0.5}
    story.ready(story.last_job)
    story.command("/smile")
    story.say("-0.5")
    assert story.last_drawing.child.looks == {"smile": -0.5}


def test_every_look_has_a_button_that_leads_to_its_numbers() -> None:
    story = drawn_family()
    story.command("/look")
    buttons = [button for row in last_say(story).buttons for button in row]
    assert len(buttons) == 12
    for button in buttons:
        story.command("/look")
        story.press(button.label)
        assert last_say(story).params == {"look_hint": button.value}


# What the picture shows


@pytest.mark.parametrize(
    ("facts", "seen"),
    [
        ({}, {"likeness": {}}),
        ({"estimated_age": 6.4}, {"likeness": {}, "age": 6.4}),
        ({"estimated_age": 9.9, "warnings": ("age_missed",)}, {"likeness": {}, "age": 9.9, "missed": "older"}),
        ({"estimated_age": 2.0, "warnings": ("age_missed",)}, {"likeness": {}, "age": 2.0, "missed": "younger"}),
        ({"likeness": {"mom": 81.0, "dad": 40.0}}, {"likeness": {"mom": 81.0, "dad": 40.0}}),
    ],
)
def test_the_caption_tells_what_was_measured(facts: dict[str, Any], seen: dict[str, Any]) -> None:
    story = Story()
    story.ready(story.couple(), **facts)
    assert last_say(story).params["seen"] == seen


def test_a_strip_of_many_ages_tells_none() -> None:
    story = drawn_family()
    story.command("/grow")
    story.ready(story.last_job, estimated_age=1.0, warnings=("age_missed",), likeness={"mom": 70.0, "dad": 60.0})
    assert last_say(story).params["seen"] == {"likeness": {"mom": 70.0, "dad": 60.0}}


# Codes


def test_a_code_draws_exactly_that_child_of_the_rounds_parents() -> None:
    story = drawn_family()
    spec = ChildSpec(age=9, sex="boy", mix=30, seed=77, genes={"eyes": "dad"}, looks={"smile": 0.5})
    story.command(f"/code {code_of(spec, 'boy')}")
    child = story.last_drawing.child
    assert (child.mom, child.dad) == story.state.couple
    assert (child.age, child.sex, child.mix, child.seed) == (9.0, "boy", 30.0, 77)
    assert (child.genes, child.looks) == (spec.genes, spec.looks)


@pytest.mark.parametrize("words", ["71H1-31F", "Code: 71H1-31F", "71h1-31f"])
def test_a_pasted_code_is_enough(words: str) -> None:
    story = drawn_family()
    story.say(words)
    assert story.last_drawing.child.seed == 77


def test_a_code_that_contains_a_number_is_no_answer_to_an_open_question() -> None:
    story = drawn_family()
    story.command("/age")
    story.say("71H1-31F")
    assert story.last_drawing.child.seed == 77


def test_words_in_a_group_that_are_not_for_us_are_no_codes() -> None:
    story = Story(group=True)
    story.first_child()
    story.hear(TextSaid("71H1-31F", addressed=False))
    assert story.steps == []


def test_the_family_card_tells_the_code() -> None:
    story = drawn_family()
    story.press_under(story.last_job, "card")
    story.ready(story.last_job)
    card = last_say(story).card
    assert card is not None and card.code == story.code


def test_a_code_changes_no_settings() -> None:
    story = drawn_family()
    story.command("/code 71H1-31F")
    assert len(story.deeds(QueueDrawing)) == 1
    assert {type(step).__name__ for step in story.steps} == {"ReadCode", "QueueDrawing"}


# Groups of ages


def test_a_group_draws_the_age_in_its_middle() -> None:
    story = drawn_family()
    story.command("/group 11-20")
    assert story.last_drawing.child.age == 15.0
    story.ready(story.last_job)
    story.command("/group")
    story.press("group_choice", "35")
    assert story.last_drawing.child.age == 35.0
    assert Button("group_choice", "age", "5", {"youngest": 0, "oldest": 10}) in _offered(Story())


def _offered(story: Story) -> list[Button]:
    story.command("/group")
    return [button for row in last_say(story).buttons for button in row]


# States of an older program


def test_a_state_from_before_genes_is_understood() -> None:
    story = drawn_family()
    story.command("/age 12")
    story.command("/age 20")
    old = story.state.to_json()
    for name in ("genes", "looks", "shown"):
        del old[name]
    for child in (old["child"], old["waiting"]["child"]):
        del child["genes"], child["looks"]
        child["smile"] = True
    old["version"] = 1
    read = state_from_json(old)
    assert read != State() and read.child is not None and read.waiting is not None
    assert read.child.looks == read.waiting.child.looks == {"smile": 1.0}
    assert read.child.seed == story.jobs["job1"].child.seed
