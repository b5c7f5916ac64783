"""Buttons: nobody can make one up, and each answers its own question, in its own chat, for those who may press it."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta

import pytest

from bots.conversation.callback_data import MAX_LENGTH, ButtonSigner, Pressed
from bots.conversation.effects import Button, Say, Toast
from bots.conversation.events import ButtonPressed, CommandGiven, SourceDrawing
from bots.conversation.handlers.appearance import STRENGTHS
from bots.conversation.router import BUTTONS
from bots.conversation.state import ParentPhoto, Question, State
from bots.i18n.parsing.traits import CHANCE, LOOKS, SOURCES, TRAITS
from bots.service.conversation_service import Answer, ConversationService, ReplyTo, SentPhoto
from bots.service.effect_executor import Actor, load_state
from storage.unit_of_work import Store
from tests.bots.conftest import running_bot
from tests.support.chats.agreement import agreed
from tests.support.chats.fake_telegram import BotApi
from tests.support.chats.fake_worker import FakeWorker
from tests.support.chats.story import OWNER, Story

KEY, OLDER_KEY = b"n" * 32, b"o" * 32
OWNER_ID, JOB_ID = "f" * 32, "0123456789abcdef" * 2
QUESTION = Say("x", question_id=999_999)
PICTURE = Say("x", drawing=JOB_ID)
GROUP = "-500"
ANNA, BEN = Actor("telegram", GROUP, "1", "en", group=True), Actor("telegram", GROUP, "2", "en", group=True)


def signer(*keys: bytes) -> ButtonSigner:
    return ButtonSigner(lambda: keys or (KEY,))


MAX_BUTTONS = [
    ("withdraw", "yes"),
    *(("gene", f"{trait}_{source}") for trait in TRAITS for source in (*SOURCES, CHANCE)),
    *(("strength", f"{look}_{place}") for look in LOOKS for place in range(len(STRENGTHS))),
]


@pytest.mark.parametrize(("action", "value"), MAX_BUTTONS)
def test_every_button_fits_into_what_telegram_allows_and_can_be_read_again(action: str, value: str) -> None:
    data = signer().write(Button("x", action, value), QUESTION, OWNER_ID, GROUP)
    pressed = signer().read(data, GROUP)
    assert len(data.encode()) <= MAX_LENGTH and pressed is not None
    assert replace(pressed, signature="") == Pressed(action, value, 999_999, OWNER_ID)


def test_a_button_under_a_picture_names_its_drawing() -> None:
    data = signer().write(Button("x", "more_mom"), PICTURE, OWNER_ID, GROUP)
    pressed = signer().read(data, GROUP)
    assert pressed is not None and (pressed.action, pressed.job_id) == ("more_mom", JOB_ID)


def test_another_chat_installation_or_letter_makes_a_button_worthless() -> None:
    data = signer().write(Button("x", "delete", "yes"), QUESTION, OWNER_ID, GROUP)
    assert signer().read(data, "-501") is None
    assert signer(OLDER_KEY).read(data, GROUP) is None
    for place, letter in enumerate(data):
        changed = data[:place] + ("A" if letter != "A" else "B") + data[place + 1 :]
        assert signer().read(changed, GROUP) is None


@pytest.mark.parametrize(
    "data", ["", "older", f"older:{JOB_ID}", f"delete:yes:1:{OWNER_ID}", "é" * 30, "x:" * 32, "\0"]
)
def test_what_is_no_button_is_not_read(data: str) -> None:
    assert signer().read(data, GROUP) is None


def test_a_signature_cannot_be_moved_to_another_button() -> None:
    harmless = signer().write(Button("x", "face", "0"), QUESTION, OWNER_ID, GROUP)
    wanted = signer(secrets.token_bytes(32)).write(Button("x", "delete", "yes"), QUESTION, OWNER_ID, GROUP)
    assert signer().read(wanted[:-12] + harmless[-12:], GROUP) is None


def test_while_the_key_is_changed_older_buttons_are_still_read() -> None:
    data = signer(OLDER_KEY).write(Button("x", "older"), PICTURE, OWNER_ID, GROUP)
    assert signer(KEY, OLDER_KEY).read(data, GROUP) is not None
    assert signer(KEY).read(data, GROUP) is None


def test_buttons_are_signed_by_a_key_of_their_own(store: Store) -> None:
    [derived] = store.blobs.derive_keys("buttons")
    assert len(derived) == 32
    assert store.blobs.derive_keys("buttons") == (derived,)
    assert store.blobs.derive_keys("something else") != (derived,)


# Who may press what, where


def two_faces(story: Story) -> State:
    """Ben's photo of two faces in Anna's round: he is asked which is meant."""
    photo = story.photo("mom", sender="ben")
    story.refused(photo, "several_faces", boxes=[[0, 0, 9, 9], [9, 0, 18, 9]])
    return story.state


FORGED = [
    ("delete", "yes"), ("delete", "no"), ("withdraw", "yes"), ("withdraw", "ask"), ("consent", "yes"),
    ("consent", "no"), ("set", "refine"), ("set", "age"), ("language", "ar"), ("age", "9"), ("mix", "0"),
    ("sex", "boy"), ("who", "0"), ("whose", "new"), ("couple", "yes"), ("grown_up", ""), ("trait", "reset"),
    ("gene", "eyes_mom"), ("look", "smile"), ("strength", "smile_0"), ("permission", "yes"), ("face", "2"),
    ("face", "99"), ("face", "zz"), ("face", "-1"), ("face", ""), ("adult", "me"), ("adult", "no"),
    ("older", ""), ("poll", ""), ("nonsense", "yes"),
]  # fmt: skip


@pytest.mark.parametrize("sender", [OWNER, "ben"])
@pytest.mark.parametrize(("action", "value"), FORGED)
def test_under_a_question_only_its_own_answers_do_anything(action: str, value: str, sender: str) -> None:
    """`step` knows no signatures: even a genuine stamp does not make one question's answer another's."""
    story = Story(group=True)
    before = two_faces(story)
    stamp = before.questions[0].question_id
    story.hear(ButtonPressed(action, value, question_id=stamp), sender=sender)
    assert story.steps == [Toast("stale_button")]
    assert replace(story.state, touched=0.0) == replace(before, touched=0.0)


def test_the_sender_of_a_photo_answers_for_it_and_a_stranger_does_not() -> None:
    story = Story(group=True)
    stamp = two_faces(story).questions[0].question_id
    story.hear(ButtonPressed("face", "1", question_id=stamp), sender="carl")
    assert story.keys == ["not_your_button"]
    story.hear(ButtonPressed("face", "1", question_id=stamp), sender="ben")
    assert story.state.questions == ()


def test_both_faces_are_not_taken_once_another_photo_is_there() -> None:
    """Or the sender of the first photo would throw the second out of somebody else's round."""
    story = Story(group=True)
    before = two_faces(story)
    story.photo("dad")
    story.hear(ButtonPressed("face", "both", question_id=before.questions[0].question_id), sender="ben")
    assert story.keys == ["stale_button"]
    assert len(story.state.photos) == 2


OFFERED: list[tuple[str, str, str, bool]] = [
    *(("age", "age", value, True) for value in ("0", "7", "90")),
    *(("age", "age", value, False) for value in ("91", "-1", "x", "", "1e9")),
    *(("mix", "mix", value, ok) for value, ok in (("0", True), ("100", True), ("101", False), ("zz", False))),
    *(("sex", "sex", value, ok) for value, ok in (("girl", True), ("surprise", True), ("zz", False))),
    *(("gene_eyes", "gene", value, ok) for value, ok in (("eyes_mom", True), ("nose_mom", False), ("eyes_x", False))),
    *(
        ("look_smile", "strength", value, ok)
        for value, ok in (("smile_4", True), ("hair_4", False), ("smile_5", False))
    ),
    *(("privacy", "withdraw", value, value == "ask") for value in ("ask", "yes", "no")),
    *(("withdraw", "withdraw", value, value != "ask") for value in ("ask", "yes", "no")),
    *(("language", "language", value, ok) for value, ok in (("ar", True), ("tlh", False))),
    *(("who", "who", value, ok) for value, ok in (("0", True), ("1", True), ("2", False), ("9", False), ("zz", False))),
]


@pytest.mark.parametrize(("kind", "action", "value", "offered"), OFFERED)
def test_values_that_were_not_offered_are_refused(kind: str, action: str, value: str, offered: bool) -> None:
    photos = tuple(ParentPhoto(name, name, OWNER, status="ready") for name in "ab")
    story = Story()
    story.state = State(unassigned=photos, questions=(Question(kind, 5),), question_id=5)
    story.hear(ButtonPressed(action, value, question_id=5))
    assert ("stale_button" not in story.keys) == offered


@pytest.mark.parametrize("action", sorted(BUTTONS))
@pytest.mark.parametrize("kind", ["child", "grow", "clip", "card"])
def test_under_a_picture_only_its_own_buttons_do_anything(kind: str, action: str) -> None:
    story = Story(group=True)
    wish = {"age": 6.0, "mix": 50.0, "sex": "girl", "seed": 1}
    source = SourceDrawing("job", kind, "m", "d", wish, (OWNER, "ben"), {"eyes": "mom"}, "CODE")  # type: ignore[arg-type]
    story.hear(ButtonPressed(action, "yes", source=source), sender="ben")
    assert ("stale_button" in story.keys) != (kind in BUTTONS[action].drawings)
    story.hear(ButtonPressed(action, "yes", source=source), sender="carl")
    assert story.keys in (["stale_button"], ["not_your_button"])


# The attack, with a store


@pytest.fixture
def attacked(store: Store, worker: FakeWorker) -> tuple[ConversationService, Say, Answer]:
    """Anna's round in a group; Ben has replied with a photo of two faces and was asked which is dad."""
    worker.stop()
    agreed(store, "telegram", 1, 2)
    service = ConversationService(store, worker)
    service.take_photos(ANNA, [SentPhoto(b"mom 1", "10", "mom")])
    [job] = service.take_photos(BEN, [SentPhoto(b"crowd:2", "11", "dad")], ReplyTo("10", "1")).jobs
    with store.unit() as unit:
        unit.jobs.start(job.id, timedelta(hours=1))
        unit.jobs.fail(job.id, "several_faces", {"boxes": [[0, 0, 9, 9], [9, 0, 18, 9]]})
        unit.commit()
    told = service.tell(job.id)
    question = next(line for line in told.lines if isinstance(line, Say) and line.question_id is not None)
    return service, question, told


def everything(store: Store) -> dict[str, object]:
    """All that is known of Anna."""
    with store.read_only() as unit:
        anna = unit.users.find("telegram", "1")
        assert anna is not None
        state, _ = load_state(unit, ANNA, anna.id)
    return {"user": anna, "state": replace(state, touched=0.0), "blobs": sorted(store.blobs.keys())}


@pytest.mark.parametrize(("action", "value"), FORGED)
def test_a_forged_press_changes_nothing_of_somebody_elses(
    attacked: tuple[ConversationService, Say, Answer], store: Store, action: str, value: str
) -> None:
    """Unsigned, signed by another installation, and with the signature of a button that really is there."""
    dialogue, question, told = attacked
    before = everything(store)
    forger = signer(secrets.token_bytes(32))
    forged = forger.write(Button("x", action, value), question, told.owner, GROUP) if value.isalnum() else "x"
    genuine = dialogue.buttons.write(question.buttons[0][0], question, told.owner, GROUP)
    for data in (f"{action}:{value}:{question.question_id}:{told.owner}", forged, forged[:-12] + genuine[-12:]):
        assert dialogue.press(BEN, data).lines == [Toast("stale_button")]
    assert everything(store) == before


def test_not_even_signed_data_answers_another_question(
    attacked: tuple[ConversationService, Say, Answer], store: Store
) -> None:
    dialogue, question, told = attacked
    before = everything(store)
    for action, value in (("delete", "yes"), ("consent", "no"), ("withdraw", "yes"), ("set", "refine"), ("face", "9")):
        data = dialogue.buttons.write(Button("x", action, value), question, told.owner, GROUP)
        assert dialogue.press(BEN, data).lines == [Toast("stale_button")]
    assert everything(store) == before


async def test_a_button_pressed_at_another_message_leaves_that_message_alone(
    api: BotApi, dialogue: ConversationService, store: Store
) -> None:
    """A client may name any message of the chat together with any button."""
    anna = api.person(1)
    async with running_bot(api, dialogue):
        await anna.says("/help")
        other = await anna.sees("Send two photos")
        await anna.says("/settings")
        await anna.sees("When you say nothing else")
        _, data = anna.data_of("One picture is enough")
        await anna.presses_data(other, data)
        await api.until(lambda: bool(api.answers), "a toast")
        assert "earlier question" in api.answers[-1]["text"]
        assert other.edits == 0
    with store.read_only() as unit:
        user = unit.users.find("telegram", "1")
    assert user is not None and user.refine is None


def test_the_command_that_asks_still_works(attacked: tuple[ConversationService, Say, Answer], store: Store) -> None:
    dialogue, *_ = attacked
    answer = dialogue.hear(ANNA, CommandGiven("delete_my_data"))
    [say] = [line for line in answer.lines if isinstance(line, Say)]
    yes = dialogue.buttons.write(say.buttons[0][0], say, answer.owner, GROUP)
    assert [line.key for line in dialogue.press(BEN, yes).lines] == ["not_your_button"]
    assert "deleted" in [line.key for line in dialogue.press(ANNA, yes).lines]
    with store.read_only() as unit:
        assert unit.users.find("telegram", "1") is None


def test_only_its_sender_says_i_am_an_adult_and_a_stranger_says_nothing() -> None:
    """Ben's photo in Anna's round: both may speak of the person on it, only Ben of himself."""
    story = Story(group=True)
    photo = story.photo("mom", sender="ben")
    story.refused(photo, "age_uncertain", age=20.5, youngest=18.0)
    asked, [question] = story.state, story.state.questions
    for value, allowed in (("me", {"ben"}), ("other", {OWNER, "ben"}), ("no", {OWNER, "ben"})):
        for sender in (OWNER, "ben", "carl"):
            story.state = asked
            story.hear(ButtonPressed("adult", value, question_id=question.question_id), sender=sender)
            assert (story.keys != ["not_your_button"]) is (sender in allowed)
            assert (story.state.questions == asked.questions) is (sender not in allowed)


def test_a_statement_about_one_photo_is_none_about_another() -> None:
    story = Story()
    first, second = story.album()
    story.refused(first, "age_uncertain", age=20.5, youngest=18.0)
    [question] = story.state.questions
    story.hear(ButtonPressed("adult", "me", question_id=question.question_id))
    story.refused(second, "age_uncertain", age=20.5, youngest=18.0)
    story.hear(ButtonPressed("adult", "me", question_id=question.question_id))
    assert story.keys == ["stale_button"]
    assert {photo.photo_id: photo.status for photo in story.state.photos} == {first: "checking", second: "choosing"}
