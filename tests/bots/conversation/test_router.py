"""Stories told to the pure machine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bots.conversation.effects import (
    CancelDrawing,
    ChooseFace,
    CloseQuestion,
    DeleteData,
    ForgetPhotos,
    QueueDrawing,
    QueueEncode,
    SaveSettings,
    Say,
    SplitPhoto,
)
from bots.conversation.events import (
    ButtonPressed,
    DataDeleted,
    DrawingFailed,
    NewPhoto,
    OtherMessage,
    PhotosReceived,
    TextSaid,
)
from bots.conversation.state import State, state_from_json
from bots.conversation.turn import Preferences
from tests.support.chats.story import OWNER, Story

# Two photos


def test_two_photos_of_clearly_different_sex_become_a_child_without_any_question() -> None:
    story = Story()
    first = story.photo()
    assert story.keys == ["send_other_parent"]
    assert story.deeds(QueueEncode) == [QueueEncode(first, "m1")]
    story.encoded(first, "male")
    assert story.steps == []
    second = story.photo()
    assert story.steps == [QueueEncode(second, "m2")]
    story.encoded(second, "female")
    assert (story.last_drawing.child.mom, story.last_drawing.child.dad) == (second, first)


def test_an_album_of_two_is_enough() -> None:
    story = Story()
    mom, dad = story.album()
    assert [deed.photo_id for deed in story.deeds(QueueEncode)] == [mom, dad]
    story.encoded(dad, "male")
    story.encoded(mom, "female")
    assert story.last_drawing.child.mom == mom


def test_the_child_is_drawn_as_the_settings_say_with_the_seed_of_the_turn() -> None:
    story = Story(preferences=Preferences(age=9.0, mix=30.0, sex="boy"))
    story.couple()
    child = story.last_drawing.child
    assert (child.age, child.mix, child.sex) == (9.0, 30.0, "boy")
    assert child.seed > 0


@pytest.mark.parametrize(("first", "second"), [("female", "female"), ("male", "male")])
def test_buttons_ask_who_is_mom_when_the_sexes_do_not_tell(first: str, second: str) -> None:
    story = Story()
    one, two = story.album()
    story.encoded(one, first)
    story.encoded(two, second)
    assert story.keys == ["who_is_who"]
    story.press("second_is_mom")
    assert story.deeds(CloseQuestion)
    assert (story.last_drawing.child.mom, story.last_drawing.child.dad) == (two, one)


def test_buttons_ask_who_is_mom_when_the_estimate_is_unsure() -> None:
    story = Story()
    one, two = story.album()
    story.encoded(one, "female", 0.6)
    story.encoded(two, "male", 0.99)
    assert story.keys == ["who_is_who"]


def test_who_is_mom_can_be_answered_by_typing_a_number() -> None:
    story = Story()
    one, two = story.album()
    story.encoded(one)
    story.encoded(two)
    story.say("2")
    assert story.last_drawing.child.mom == two


def test_a_second_press_on_a_settled_question_is_answered_and_changes_nothing() -> None:
    story = Story()
    one, two = story.album()
    story.encoded(one)
    question = story.encoded(two)
    story.press("first_is_mom")
    before = story.state
    story.steps = question
    story.press("second_is_mom")
    assert story.keys == ["stale_button"]
    assert (story.state.mom, story.state.dad, story.state.drawing) == (before.mom, before.dad, before.drawing)


def test_a_caption_names_the_parent_and_the_other_photo_is_the_other_parent() -> None:
    story = Story()
    dad = story.photo("dad")
    assert story.keys == ["send_mom"]
    mom = story.photo()
    story.encoded(mom, "male", 0.99)
    story.encoded(dad, "male", 0.99)
    assert (story.last_drawing.child.mom, story.last_drawing.child.dad) == (mom, dad)


def test_two_moms_are_a_couple_when_people_say_so() -> None:
    story = Story()
    one, two = story.photo("mom"), story.photo("dad")
    story.encoded(one, "female")
    story.encoded(two, "female")
    assert (story.last_drawing.child.mom, story.last_drawing.child.dad) == (one, two)


def test_mom_without_a_photo_waits_for_the_next_one() -> None:
    story = Story()
    story.command("/mom")
    assert story.keys == ["waiting_for_mom"]
    photo = story.photo()
    assert story.keys == ["send_dad"]
    assert story.state.mom is not None and story.state.mom.photo_id == photo


@pytest.mark.parametrize("said", ["/dad", "dad", "Papa!", "папа"])
def test_a_photo_can_be_named_afterwards(said: str) -> None:
    story = Story()
    photo = story.photo()
    _ = story.command(said) if said.startswith("/") else story.say(said)
    assert story.keys == ["named_dad"]
    assert story.state.dad is not None and story.state.dad.photo_id == photo


def test_naming_a_photo_the_other_way_swaps_the_parents_and_draws_again() -> None:
    story = Story()
    story.first_child()
    mom, dad = story.state.mom, story.state.dad
    assert mom and dad
    story.photo("dad", sha=mom.sha256)
    assert (story.last_drawing.child.mom, story.last_drawing.child.dad) == (dad.photo_id, mom.photo_id)


def test_the_same_photo_twice_is_noticed_and_not_used_for_both() -> None:
    story = Story()
    story.photo(sha="x")
    second = story.photo(sha="x")
    assert story.keys == ["same_photo"]
    assert story.deeds(ForgetPhotos) == [ForgetPhotos((second,))]
    assert len(story.state.photos) == 1


def test_the_same_photo_of_several_people_serves_for_the_other_parent() -> None:
    story = Story()
    mom = story.photo("mom", sha="x")
    story.refused(mom, "several_faces", boxes=BOXES)
    story.press("face", "1")
    dad = story.photo("dad", sha="x")
    assert story.state.dad is not None and story.state.dad.photo_id == dad
    story.refused(dad, "several_faces", boxes=BOXES)
    assert [button.value for _, button in story._buttons()] == ["0", "2"]
    story.say("2")
    assert story.keys == ["same_face"]
    story.say("3")
    assert story.keys == ["face_taken"]
    assert ChooseFace(dad, 2) in story.steps


def test_of_two_people_on_one_photo_the_other_one_is_the_other_parent_without_asking() -> None:
    story = Story()
    mom = story.photo("mom", sha="x")
    story.refused(mom, "several_faces", boxes=BOXES[:2])
    story.press("face", "0")
    dad = story.photo("dad", sha="x")
    story.refused(dad, "several_faces", boxes=BOXES[:2])
    assert story.deeds(ChooseFace) == [ChooseFace(dad, 1)]
    assert story.deeds(QueueEncode) == [QueueEncode(dad, story.state.dad.message_id if story.state.dad else None)]


def test_the_same_photo_is_no_second_one_while_its_face_is_being_chosen() -> None:
    story = Story()
    first = story.photo(sha="x")
    story.refused(first, "several_faces", boxes=BOXES)
    story.photo(sha="x")
    assert story.keys == ["same_photo"]


def test_an_album_of_three_uses_the_first_two_and_says_so() -> None:
    story = Story()
    photos = story.album(count=3)
    assert "two_are_enough" in story.keys
    assert story.deeds(ForgetPhotos) == [ForgetPhotos((photos[2],))]
    assert [photo.photo_id for photo in story.state.photos] == photos[:2]


def test_a_third_photo_before_the_first_two_are_named_is_not_taken() -> None:
    story = Story()
    story.album()
    third = story.photo()
    assert story.keys == ["already_two"]
    assert story.deeds(ForgetPhotos) == [ForgetPhotos((third,))]


# Photos with trouble


@pytest.mark.parametrize(
    "code",
    [
        "not_a_picture",
        "empty_photo",
        "damaged_photo",
        "no_face",
        "face_too_small",
        "face_turned",
        "photo_too_large",
        "unsafe_photo",
    ],
)
def test_a_photo_that_cannot_be_used_leaves_the_round_with_a_sentence(code: str) -> None:
    story = Story()
    good, bad = story.album()
    story.encoded(good)
    facts = {"what": "bytes", "size": 3, "limit": 2} if code == "photo_too_large" else {}
    story.refused(bad, code, **facts)
    assert story.keys == [f"refused_{code}"]
    assert [photo.photo_id for photo in story.state.photos] == [good]
    story.encoded(story.photo(), "male")
    assert story.last_drawing.child.mom == good


def test_a_photo_refused_after_it_was_cancelled_is_not_mentioned() -> None:
    story = Story()
    photo = story.photo()
    story.command("/cancel")
    story.refused(photo, "no_face")
    assert story.steps == []


def test_a_blurred_photo_is_used_and_the_sender_told() -> None:
    story = Story()
    story.encoded(story.photo(), warnings=("blurred",))
    assert story.keys == ["photo_warning"]


BOXES = [[0, 0, 50, 50], [60, 0, 120, 60], [130, 0, 190, 60]]


def test_several_faces_are_shown_with_numbers_and_the_chosen_one_is_encoded() -> None:
    story = Story()
    photo = story.photo()
    story.refused(photo, "several_faces", boxes=BOXES)
    asked = next(line for line in story.steps if isinstance(line, Say))
    assert asked.faces is not None and len(asked.faces.boxes) == 3
    assert [button.value for row in asked.buttons for button in row] == ["0", "1", "2"]
    story.press("face", "1")
    assert story.deeds(ChooseFace) == [ChooseFace(photo, 1)]
    assert story.deeds(QueueEncode) == [QueueEncode(photo, "m1")]


def test_a_face_can_be_chosen_by_typing_its_number() -> None:
    story = Story()
    photo = story.photo()
    story.refused(photo, "several_faces", boxes=BOXES)
    story.say("3")
    assert story.deeds(ChooseFace) == [ChooseFace(photo, 2)]


def test_a_number_without_a_face_does_not_choose() -> None:
    story = Story()
    story.refused(story.photo(), "several_faces", boxes=BOXES)
    story.say("4")
    assert story.deeds(ChooseFace) == []


def test_of_forty_faces_the_twelve_largest_are_offered() -> None:
    story = Story()
    boxes = [[i * 100, 0, i * 100 + 20 + i, 20 + i] for i in range(40)]
    story.refused(story.photo(), "several_faces", boxes=boxes)
    asked = next(line for line in story.steps if isinstance(line, Say))
    assert [button.value for row in asked.buttons for button in row] == [str(i) for i in range(28, 40)]


def test_both_faces_of_one_photo_can_be_the_parents() -> None:
    story = Story()
    photo = story.photo()
    story.refused(photo, "several_faces", boxes=BOXES[:2])
    story.press("face_both")
    assert story.deeds(SplitPhoto) == [SplitPhoto(photo)]
    assert [deed.photo_id for deed in story.deeds(QueueEncode)] == [photo, f"{photo}-copy"]
    story.encoded(photo, "male")
    story.encoded(f"{photo}-copy", "female")
    assert (story.last_drawing.child.mom, story.last_drawing.child.dad) == (f"{photo}-copy", photo)


def test_two_photos_with_two_faces_each_are_asked_about_one_by_one() -> None:
    story = Story()
    one, two = story.album()
    first_question = story.refused(one, "several_faces", boxes=BOXES)
    second_question = story.refused(two, "several_faces", boxes=BOXES)
    story.steps = second_question
    story.press("face", "0")
    assert story.deeds(ChooseFace) == [ChooseFace(two, 0)]
    story.steps = first_question
    story.press("face", "2")
    assert story.deeds(ChooseFace) == [ChooseFace(one, 2)]
    story.encoded(one, "female")
    story.encoded(two, "male")
    assert isinstance(story.last_drawing, QueueDrawing)


# The child and its variations


def test_the_picture_comes_with_ten_buttons() -> None:
    story = Story()
    picture = next(line for line in story.ready(story.couple()) if isinstance(line, Say))
    actions = [button.action for row in picture.buttons for button in row]
    around = ["younger", "older", "more_mom", "more_dad", "sibling", "grow", "card", "clip", "smile", "genes"]
    assert actions == around


def test_age_shows_the_same_child_at_that_age() -> None:
    story = Story()
    first = story.jobs[story.first_child()].child
    story.command("/age 12")
    twelve = story.last_drawing.child
    assert twelve.age == 12.0
    assert (twelve.seed, twelve.mix, twelve.sex, twelve.mom, twelve.dad) == (
        first.seed,
        first.mix,
        first.sex,
        first.mom,
        first.dad,
    )


def test_the_same_child_smiles_and_is_grave_again() -> None:
    story = Story()
    first = story.first_child()
    story.press_under(first, "smile")
    smiling = story.last_drawing.child
    assert smiling == replace(story.jobs[first].child, looks={"smile": 1.0})
    story.ready(story.last_job)
    story.press_under(story.last_job, "smile")
    assert story.last_drawing.child == story.jobs[first].child


def test_a_sibling_has_everything_but_the_seed() -> None:
    story = Story()
    first = story.jobs[story.first_child()].child
    story.command("/sibling")
    sibling = story.last_drawing.child
    assert sibling.seed != first.seed
    assert (sibling.mom, sibling.dad, sibling.age) == (first.mom, first.dad, first.age)


@pytest.mark.parametrize(
    ("action", "field", "value"),
    [("older", "age", 10.0), ("younger", "age", 3.0), ("more_mom", "mix", 30.0), ("more_dad", "mix", 70.0)],
)
def test_a_button_changes_one_thing(action: str, field: str, value: float) -> None:
    story = Story()
    job = story.first_child()
    seed = story.jobs[job].child.seed
    story.press_under(job, action)
    assert getattr(story.last_drawing.child, field) == value
    assert story.last_drawing.child.seed == seed


def test_the_growth_strip_shows_the_same_child() -> None:
    story = Story()
    job = story.first_child()
    story.press_under(job, "grow")
    assert story.last_drawing.kind == "grow"
    assert story.last_drawing.child == story.jobs[job].child


@pytest.mark.parametrize(
    ("action", "habits"),
    [
        ("older", Preferences(age=90)),
        ("younger", Preferences(age=0)),
        ("more_mom", Preferences(mix=0)),
        ("more_dad", Preferences(mix=100)),
    ],
)
def test_at_the_end_of_a_range_the_button_says_so(action: str, habits: Preferences) -> None:
    story = Story(preferences=habits)
    job = story.first_child()
    story.press_under(job, action)
    assert story.keys == [f"no_{action}"]
    assert story.last_job == job


def test_pressing_twice_draws_once() -> None:
    story = Story()
    job = story.first_child()
    story.press_under(job, "older")
    story.press_under(job, "older")
    assert story.keys == ["still_drawing"]
    assert len(story.jobs) == 2
    story.ready(story.last_job)
    story.press_under(job, "older")
    assert story.keys == ["already_drawn"]
    assert len(story.jobs) == 2


def test_the_sibling_button_gives_another_sibling_each_time() -> None:
    story = Story()
    job = story.first_child()
    story.press_under(job, "sibling")
    story.ready(story.last_job)
    story.press_under(job, "sibling")
    assert len({drawing.child.seed for drawing in story.jobs.values()}) == 3


def test_buttons_under_an_older_picture_still_mean_that_child() -> None:
    story = Story()
    old = story.first_child()
    story.first_child()
    story.press_under(old, "older")
    assert story.last_drawing.child.mom == story.jobs[old].child.mom
    story.ready(story.last_job)
    story.command("/age 30")
    assert story.last_drawing.child.mom == story.jobs[old].child.mom


def test_a_wish_while_drawing_is_drawn_next() -> None:
    story = Story()
    job = story.couple()
    story.command("/age 12")
    assert story.keys == ["drawn_next"]
    story.command("/mix 20")
    assert len(story.jobs) == 1
    story.ready(job)
    assert (story.last_drawing.child.age, story.last_drawing.child.mix) == (12.0, 20.0)


def test_a_second_child_command_while_one_is_drawn_is_answered_only() -> None:
    story = Story()
    story.couple()
    story.command("/child")
    assert story.keys == ["still_drawing"]
    assert len(story.jobs) == 1


def test_child_with_words_sets_age_and_sex() -> None:
    story = Story()
    story.first_child()
    story.command("/child 7 girl")
    assert (story.last_drawing.child.age, story.last_drawing.child.sex) == (7.0, "girl")


def test_the_better_picture_follows_and_does_not_disturb() -> None:
    story = Story()
    job = story.first_child()
    story.press_under(job, "older")
    running = story.state.drawing
    story.ready(job, quality="refined")
    assert story.keys == ["better_caption"]
    assert story.state.drawing == running


def test_a_failed_refinement_is_not_mentioned() -> None:
    story = Story()
    job = story.first_child()
    assert story.hear(DrawingFailed(job, "internal", {}, "refined")) == []


def test_after_a_failed_drawing_child_tries_again() -> None:
    story = Story()
    story.failed(story.couple(), "internal")
    assert story.keys == ["failed_internal"]
    story.command("/child")
    assert len(story.jobs) == 2


def test_photos_that_are_gone_are_asked_for_again() -> None:
    story = Story()
    story.failed(story.couple(), "photo_gone")
    assert story.keys == ["failed_photo_gone"]
    story.command("/child")
    assert story.keys == ["send_two_photos"]


# A new photo after a child


@pytest.mark.parametrize("role", ["mom", "dad"])
def test_a_new_photo_after_a_child_may_replace_one_parent(role: str) -> None:
    story = Story()
    story.first_child()
    kept = story.state.dad if role == "mom" else story.state.mom
    new = story.photo()
    story.encoded(new, "male")
    assert story.keys == ["whose_photo"]
    story.press(f"is_{role}")
    child = story.last_drawing.child
    assert getattr(child, role) == new
    assert kept is not None and kept.photo_id in (child.mom, child.dad)


def test_the_likelier_parent_is_offered_first() -> None:
    story = Story()
    story.first_child()
    asked = next(line for line in story.encoded(story.photo(), "male") if isinstance(line, Say))
    assert asked.buttons[0][0].label == "is_dad"


def test_a_new_photo_may_begin_a_new_couple() -> None:
    story = Story()
    story.first_child()
    new = story.photo()
    story.encoded(new, "male")
    story.press("is_new_couple")
    assert story.keys == ["send_other_parent"]
    other = story.photo()
    story.encoded(other, "female")
    assert (story.last_drawing.child.mom, story.last_drawing.child.dad) == (other, new)


def test_two_new_photos_after_a_child_are_a_new_couple() -> None:
    story = Story()
    story.first_child()
    one, two = story.photo(), story.photo()
    story.encoded(one, "male")
    story.encoded(two, "female")
    assert (story.last_drawing.child.mom, story.last_drawing.child.dad) == (two, one)


def test_a_new_photo_with_a_name_replaces_at_once_and_stops_what_is_being_drawn() -> None:
    story = Story()
    story.couple()
    new = story.photo("mom")
    assert story.deeds(CancelDrawing) == [CancelDrawing("job1")]
    story.encoded(new, "female")
    assert story.last_drawing.child.mom == new


# Wishes before the photos, bad values


@pytest.mark.parametrize(
    ("command", "saved"),
    [
        ("/age 7", {"age": 7.0}),
        ("/age 7,5 years", {"age": 7.5}),
        ("/age 0", {"age": 0.0}),
        ("/age ७", {"age": 7.0}),
        ("/mix 30", {"mix": 30.0}),
        ("/mix 30%", {"mix": 30.0}),
        ("/mix mom", {"mix": 0.0}),
        ("/mix dad", {"mix": 100.0}),
        ("/sex girl", {"sex": "girl"}),
        ("/sex Junge", {"sex": "boy"}),
        ("/sex surprise", {"sex": "surprise"}),
    ],
)
def test_wishes_before_the_photos_are_remembered(command: str, saved: dict[str, object]) -> None:
    story = Story()
    story.command(command)
    assert story.deeds(SaveSettings) == [SaveSettings(saved)]
    assert story.keys[0].startswith("noted_")


@pytest.mark.parametrize(
    "command",
    [
        "/age -3",
        "/age 400",
        "/age abc",
        "/age 5 or 7",
        "/age 👶",
        "/mix abc",
        "/mix -1",
        "/mix 101",
        "/sex cat",
        "/age \u206712\u20690",
    ],
)
def test_bad_values_get_a_sentence_and_change_nothing(command: str) -> None:
    story = Story()
    story.first_child()
    before = story.state
    story.command(command)
    assert story.keys == [f"bad_{command[1:4]}"]
    assert story.deeds(SaveSettings) == story.deeds(QueueDrawing) == []
    assert (story.state.child, story.state.questions) == (before.child, before.questions)


@pytest.mark.parametrize(
    ("name", "value", "saved"), [("age", "10", 10.0), ("mix", "75", 75.0), ("sex", "girl", "girl")]
)
def test_a_wish_without_value_asks_with_buttons(name: str, value: str, saved: object) -> None:
    story = Story()
    story.command(f"/{name}")
    assert story.keys == [f"ask_{name}"]
    story.press(name, value)
    assert story.deeds(SaveSettings) == [SaveSettings({name: saved})]
    assert story.deeds(CloseQuestion)


def test_an_open_question_can_be_answered_by_typing() -> None:
    story = Story()
    story.command("/age")
    story.say("about 8")
    assert story.deeds(SaveSettings) == [SaveSettings({"age": 8.0})]


def test_a_typed_bad_answer_keeps_the_question_open() -> None:
    story = Story()
    story.command("/age")
    story.say("very old")
    assert story.keys == ["bad_age"]
    story.say("80")
    assert story.deeds(SaveSettings) == [SaveSettings({"age": 80.0})]


def test_a_group_of_ages_draws_the_same_child_at_its_middle() -> None:
    story = Story()
    story.first_child()
    story.command("/age 11-20")
    assert story.deeds(SaveSettings) == [SaveSettings({"age": 15.0})]
    assert story.deeds(QueueDrawing)[0].child.age == 15.0


@pytest.mark.parametrize("said", ["/age 20-11", "/age 80-120", "/child 20-11"])
def test_a_group_that_is_none_is_explained_and_changes_nothing(said: str) -> None:
    story = Story()
    story.first_child()
    story.command(said)
    assert story.keys == ["bad_age"]
    assert story.deeds(SaveSettings) == []


def test_the_age_the_child_has_already_is_not_drawn_again() -> None:
    story = Story()
    job = story.first_child()
    story.command("/age 6")
    assert story.keys == ["already_so"]
    assert story.last_job == job


# Settings, cancel, privacy, deleting, small talk


def test_settings_lead_to_the_questions_and_switch_the_refinement() -> None:
    story = Story()
    settings = story.command("/settings")
    story.press("set_refine_off")
    assert story.deeds(SaveSettings) == [SaveSettings({"refine": False})]
    story.steps = settings
    story.command("/settings")
    story.press("set_mix")
    assert story.keys == ["ask_mix"]


def test_cancel_stops_the_drawing_and_keeps_the_photos() -> None:
    story = Story()
    job = story.couple()
    story.command("/cancel")
    assert story.deeds(CancelDrawing) and story.keys == ["stopped"]
    story.stopped(job)
    story.command("/child")
    assert len(story.jobs) == 2


@pytest.mark.parametrize("step_count", [1, 2, 3])
def test_cancel_at_any_step_before_a_drawing_forgets_the_photos(step_count: int) -> None:
    story = Story()
    one = story.photo()
    if step_count > 1:
        story.encoded(one)
    if step_count > 2:
        story.encoded(story.photo())
    story.command("/cancel")
    assert story.keys == ["forgotten"]
    assert story.deeds(ForgetPhotos)
    assert story.state.photos == () and story.state.questions == ()


def test_cancel_with_nothing_to_cancel_says_so() -> None:
    story = Story()
    story.command("/cancel")
    assert story.keys == ["nothing_to_cancel"]


def test_deleting_asks_first_and_then_leaves_nothing() -> None:
    story = Story()
    story.first_child()
    story.command("/delete_my_data")
    assert story.deeds(DeleteData) == []
    story.press("delete_yes")
    assert story.deeds(DeleteData)
    story.hear(DataDeleted({"photos": 2, "latents": 2, "results": 1, "jobs": 3}))
    assert story.keys == ["deleted"]
    assert story.state == State()


def test_deleting_can_be_thought_better_of() -> None:
    story = Story()
    story.command("/delete_my_data")
    story.press("delete_no")
    assert story.deeds(DeleteData) == []


def test_privacy_tells_the_times_it_was_given() -> None:
    story = Story()
    said = next(line for line in story.command("/privacy") if isinstance(line, Say))
    assert said.params == {"photo_hours": 24.0, "latent_days": 30.0, "result_days": 7.0, "handled_days": 30.0}


@pytest.mark.parametrize("kind", ["sticker", "voice", "location", "contact", "poll", "video"])
def test_things_that_are_no_photos_are_answered_kindly(kind: str) -> None:
    story = Story()
    story.other(kind)
    assert len(story.keys) == 1


@pytest.mark.parametrize(
    "text", ["good grief", "👶", "\u202eabc", "mom and dad", "the mother of all long stories about families"]
)
def test_other_words_are_answered_with_what_to_do_next(text: str) -> None:
    story = Story()
    story.say(text)
    assert story.keys == ["send_two_photos"]


def test_an_unknown_command_is_answered() -> None:
    story = Story()
    story.command("/fly me")
    assert story.keys == ["unknown_command"]


def test_a_round_left_half_done_for_long_is_begun_anew() -> None:
    story = Story()
    story.photo()
    story.context = replace(story.context, now=100_000.0)
    second = story.photo()
    assert [photo.photo_id for photo in story.state.photos] == [second]
    assert story.keys == ["send_other_parent"]


# Groups


def test_in_a_group_other_talk_is_not_answered() -> None:
    story = Story(group=True)
    assert story.hear(TextSaid("hello", addressed=False)) == []
    assert story.hear(OtherMessage("sticker", addressed=False)) == []
    assert story.command("/unknown") == []


def test_the_photos_of_a_round_may_come_from_two_people() -> None:
    story = Story(group=True)
    mom = story.photo("mom")
    dad = story.photo("dad", sender="ben")
    story.encoded(mom)
    story.encoded(dad, "male")
    assert (story.last_drawing.child.mom, story.last_drawing.child.dad) == (mom, dad)


def test_a_stranger_cannot_press_the_buttons_of_a_round() -> None:
    story = Story(group=True)
    one, two = story.album()
    story.encoded(one)
    story.encoded(two)
    story.press("first_is_mom", sender="carl")
    assert story.keys == ["not_your_button"]
    assert not story.jobs


def test_the_sender_of_a_photo_may_choose_the_face_on_it() -> None:
    story = Story(group=True)
    photo = story.photo("dad", sender="ben")
    story.refused(photo, "several_faces", boxes=BOXES)
    story.press("face", "1", sender="ben")
    assert story.deeds(ChooseFace) == [ChooseFace(photo, 1)]


def test_both_parents_may_press_under_the_picture_and_others_not() -> None:
    story = Story(group=True)
    job = story.first_child()
    story.press_under(job, "older", sender="carl")
    assert story.keys == ["not_your_button"]
    story.press_under(job, "older", sender="ben")
    assert story.last_job != job


# The state


def test_a_state_of_an_unknown_version_begins_anew() -> None:
    assert state_from_json({"version": 999, "anything": 1}) == State()
    assert state_from_json(None) == State()


# Parents who look underage


UNDER_AGE = {"age": 1.3, "margin": 4.0, "youngest": 18.0}


def test_a_baby_as_dad_is_refused_kindly_and_forgotten() -> None:
    story = Story()
    mom = story.photo("mom")
    story.encoded(mom)
    baby = story.photo("dad")
    story.refused(baby, "under_age", **UNDER_AGE)
    assert story.keys == ["refused_under_age"]
    assert story.deeds(ForgetPhotos) == [ForgetPhotos((baby,))]
    assert story.state.dad is None and story.state.mom is not None


def test_a_grown_up_taken_for_younger_can_say_so_and_send_another_photo() -> None:
    story = Story()
    dad = story.photo()
    story.encoded(dad, "male")
    mom = story.photo("mom")
    story.refused(mom, "under_age", **UNDER_AGE)
    story.press("age_is_wrong")
    assert story.deeds(CloseQuestion) == [CloseQuestion("another_photo_please")]
    story.encoded(story.photo(), "female")
    assert story.last_drawing.child.dad == dad


def test_two_refused_parents_have_a_button_each() -> None:
    story = Story()
    one, two = story.album()
    first = story.refused(one, "under_age", **UNDER_AGE)
    story.refused(two, "under_age", **UNDER_AGE)
    story.press("age_is_wrong")
    story.steps = first
    story.press("age_is_wrong")
    assert story.deeds(CloseQuestion) == [CloseQuestion("another_photo_please")]


def test_a_second_press_on_that_is_wrong_is_stale() -> None:
    story = Story()
    asked = story.refused(story.photo(), "under_age", **UNDER_AGE)
    story.press("age_is_wrong")
    story.steps = asked
    story.press("age_is_wrong")
    assert story.keys == ["stale_button"]


# Parents who may be adults


UNSURE = {"age": 20.5, "youngest": 18.0}


@pytest.mark.parametrize("value", ["me", "other"])
def test_a_parent_who_may_be_an_adult_is_used_once_somebody_states_it(value: str) -> None:
    story = Story()
    photo = story.photo("mom")
    story.refused(photo, "age_uncertain", **UNSURE)
    assert story.keys == ["ask_adult"]
    assert story.deeds(ForgetPhotos) == []
    story.press("adult", value)
    assert story.deeds(CloseQuestion) == [CloseQuestion("adult_noted")]
    assert story.deeds(QueueEncode) == [QueueEncode(photo, "m1", drawings=True, adult=True)]
    assert story.state.questions == ()
    story.encoded(photo)
    assert story.state.mom is not None and story.state.mom.status == "ready"


def test_no_deletes_the_photo_at_once_and_another_takes_its_place() -> None:
    story = Story()
    photo = story.photo("mom")
    asked = story.refused(photo, "age_uncertain", **UNSURE)
    story.press("adult", "no")
    assert story.deeds(CloseQuestion) == [CloseQuestion("adult_denied")]
    assert story.deeds(ForgetPhotos) == [ForgetPhotos((photo,))]
    assert story.state.photos == ()
    story.steps = asked
    story.press("adult", "me")
    assert story.keys == ["stale_button"]
    assert story.deeds(QueueEncode) == []
    another = story.photo()
    assert story.state.mom is not None and story.state.mom.photo_id == another


def test_each_photo_has_its_own_statement() -> None:
    story = Story()
    mom, dad = story.album()
    first = story.refused(mom, "age_uncertain", **UNSURE)
    story.refused(dad, "age_uncertain", **UNSURE)
    story.press("adult", "other")
    assert story.deeds(QueueEncode) == [QueueEncode(dad, "m2", drawings=True, adult=True)]
    story.encoded(dad, "male")
    assert story.jobs == {}
    story.steps = first
    story.press("adult", "me")
    story.encoded(mom, "female")
    assert story.last_drawing.child.mom == mom


def test_a_couple_is_drawn_when_the_photo_it_waited_for_is_denied() -> None:
    story = Story()
    mom = story.photo("mom")
    story.encoded(mom, "female")
    dad, spare = story.photo("dad"), story.photo()
    story.refused(spare, "age_uncertain", **UNSURE)
    asked = story.steps
    story.encoded(dad, "male")
    assert story.jobs == {}
    story.steps = asked
    story.press("adult", "no")
    assert (story.last_drawing.child.mom, story.last_drawing.child.dad) == (mom, dad)


def test_a_statement_does_not_help_who_is_refused() -> None:
    story = Story()
    photo = story.photo("mom")
    story.refused(photo, "age_uncertain", **UNSURE)
    story.press("adult", "me")
    story.refused(photo, "under_age", **UNDER_AGE)
    assert story.keys == ["refused_under_age"]
    assert story.state.photos == ()


@pytest.mark.parametrize("words", ["yes", "I am an adult", "no"])
def test_words_are_no_statement(words: str) -> None:
    story = Story()
    photo = story.photo("mom")
    story.refused(photo, "age_uncertain", **UNSURE)
    story.say(words)
    assert story.deeds(QueueEncode) == story.deeds(ForgetPhotos) == []
    assert [question.photo_id for question in story.state.questions] == [photo]


def test_the_question_says_which_of_several_faces_is_meant() -> None:
    story = Story()
    photo = story.photo("mom")
    story.refused(photo, "several_faces", boxes=[[0, 0, 9, 9], [9, 0, 18, 9]])
    story.press("face", "1")
    story.refused(photo, "age_uncertain", **UNSURE)
    [say] = story.deeds(Say)
    assert (say.key, say.params["number"]) == ("ask_adult_face", 2)


def test_of_a_couple_each_answers_for_themselves() -> None:
    story = Story(group=True)
    photo = NewPhoto("p1", "x", "ben", None, "dad", name="Ben")
    story.hear(PhotosReceived((photo,)))
    asked = story.refused("p1", "age_uncertain", **UNSURE)
    [say] = story.deeds(Say)
    assert (say.key, [button.value for row in say.buttons for button in row]) == ("ask_adult_named", ["me", "no"])
    story.press("adult", "me")
    assert story.keys == ["not_your_button"]
    story.hear(ButtonPressed("adult", "other", question_id=say.question_id), sender="ben")
    assert story.keys == ["stale_button"]
    story.steps = asked
    story.press("adult", "me", sender="ben")
    assert story.deeds(QueueEncode) == [QueueEncode("p1", None, drawings=True, adult=True)]


def test_whoever_begins_anew_leaves_no_open_statement_behind() -> None:
    story = Story()
    photo = story.photo("mom")
    story.refused(photo, "age_uncertain", **UNSURE)
    story.command("/cancel")
    assert ForgetPhotos((photo,)) in story.steps
    assert story.state.questions == ()


# Drawings


def test_a_drawing_is_refused_and_used_all_the_same_if_its_sender_wants_that() -> None:
    story = Story()
    photo = story.photo("mom")
    story.refused(photo, "not_a_photo", score=0.9, limit=0.5, anyway=True)
    assert story.keys == ["refused_not_a_photo"]
    assert story.deeds(ForgetPhotos) == []
    story.press("drawing", "use")
    assert story.deeds(QueueEncode) == [QueueEncode(photo, "m1", drawings=True)]
    story.encoded(photo)
    assert story.state.mom is not None and story.state.mom.status == "ready"


def test_a_drawing_that_may_not_be_used_leaves_the_round_with_a_sentence() -> None:
    story = Story()
    photo = story.photo()
    story.refused(photo, "not_a_photo", score=0.9, limit=0.5, anyway=False)
    assert story.keys == ["refused_not_a_photo"]
    assert story._buttons() == []
    assert story.deeds(ForgetPhotos) == [ForgetPhotos((photo,))]
    assert story.state.photos == ()


def test_another_photo_takes_the_place_of_a_drawing() -> None:
    story = Story()
    drawing = story.photo("dad")
    story.refused(drawing, "not_a_photo", score=0.9, limit=0.5, anyway=True)
    photo = story.photo()
    assert ForgetPhotos((drawing,)) in story.steps
    assert story.state.dad is not None and story.state.dad.photo_id == photo
    assert story.state.questions == ()


def test_a_drawing_as_profile_photo_is_not_asked_about() -> None:
    story = Story(group=True)
    photo = NewPhoto("p1", "x", OWNER, "m1", "mom", name="Anna")
    story.hear(PhotosReceived((photo,)))
    story.refused("p1", "not_a_photo", score=0.9, limit=0.5, anyway=True)
    assert story.keys == ["couple_photo_unusable"]
