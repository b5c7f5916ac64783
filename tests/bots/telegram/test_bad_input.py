"""The table of bad input on Telegram: every command and every kind of message, with the answer that is clear.

Each row is played in a chat of its own, over real HTTP, by one running bot. Afterwards nothing may have changed: no
child was drawn, no setting moved, and the bot still answers.
"""

from __future__ import annotations

from typing import Any

from bots.commands import GROUP, PRIVATE
from bots.service.conversation_service import ConversationService
from storage.unit_of_work import Store
from tests.bots.conftest import running_bot
from tests.support.chats.agreement import agreed
from tests.support.chats.bad_input import (
    ANYWHERE,
    COMMANDS,
    NO_PICTURE,
    NO_VIDEOS,
    NOT_FETCHED,
    PHOTOS_ONLY,
    SILENCE,
    TOO_LARGE,
    Action,
    Row,
    commands_in,
    file,
    says,
    sees,
    what_changed,
)
from tests.support.chats.fake_telegram import BotApi, Person


def other(**content: Any) -> Action:
    return lambda person: person.sends(**content)


async def forwarded(person: Person) -> None:
    """A photo that somebody else took: `forward_origin` says who."""
    origin = {"type": "hidden_user", "date": 1_700_000_000, "sender_user_name": "Somebody"}
    await person.sends(photo=sizes(person, b"someone 1"), forward_origin=origin)


async def deleted_meanwhile(person: Person) -> None:
    """A photo whose file Telegram no longer hands out when the bot asks for it."""
    photo = sizes(person, b"mom 1")
    del person.api.sizes[photo[0]["file_id"]]
    await person.sends(photo=photo)


async def fifty_megabytes(person: Person) -> None:
    """Told by its size alone; the fake server keeps no fifty megabytes."""
    photo = sizes(person, b"mom 1")
    person.api.sizes[photo[0]["file_id"]] = 50 * 2**20
    await person.sends(photo=[{**photo[0], "file_size": 50 * 2**20}])


async def reply_to_nothing(person: Person) -> None:
    await person.says("/mom", reply_to=await person.says("hello"))


def sizes(person: Person, data: bytes) -> list[dict[str, Any]]:
    file_id = person.api.keep_file(data)
    return [{"file_id": file_id, "file_unique_id": f"u-{file_id}", "width": 640, "height": 640, "file_size": len(data)}]


def file_facts(**more: Any) -> dict[str, Any]:
    return {"file_id": "f", "file_unique_id": "f", **more}


STICKER = file_facts(width=1, height=1, is_animated=False, is_video=False, type="regular")
VIDEO = file_facts(width=1, height=1, duration=1)
PLACE = {"longitude": 1.0, "latitude": 2.0}
POLL = {
    "id": "1", "question": "Who?", "options": [], "total_voter_count": 0, "is_closed": False, "is_anonymous": True,
    "type": "regular", "allows_multiple_answers": False, "allows_revoting": False, "members_only": False,
}  # fmt: skip

ON_TELEGRAM = (
    Row("a sticker", (other(sticker=STICKER),), PHOTOS_ONLY),
    Row("a voice message", (other(voice=file_facts(duration=1)),), PHOTOS_ONLY),
    Row("a song", (other(audio=file_facts(duration=1)),), PHOTOS_ONLY),
    Row("a place", (other(location=PLACE),), PHOTOS_ONLY),
    Row("a contact", (other(contact={"phone_number": "1", "first_name": "A"}),), PHOTOS_ONLY),
    Row("a restaurant", (other(venue={"location": PLACE, "title": "A", "address": "B"}),), PHOTOS_ONLY),
    Row("a poll", (other(poll=POLL),), PHOTOS_ONLY),
    Row("a game", (other(game={"title": "A", "description": "B", "photo": []}),), PHOTOS_ONLY),
    Row("a story", (other(story={"id": 1, "chat": {"id": 7, "type": "private"}}),), PHOTOS_ONLY),
    Row("media for money", (other(paid_media={"star_count": 1, "paid_media": []}),), PHOTOS_ONLY),
    Row("a checklist", (other(checklist={"title": "A", "tasks": []}),), PHOTOS_ONLY),
    Row("a die", (other(dice={"emoji": "🎲", "value": 3}),), PHOTOS_ONLY),
    Row("a document", (file(b"text 1", "a.txt", "text/plain"),), PHOTOS_ONLY),
    Row("a document that may hold a photo", (file(b"text 1", "a.pdf", "application/pdf"),), NO_PICTURE),
    Row("a video", (other(video=VIDEO),), NO_VIDEOS),
    Row("a round video", (other(video_note=file_facts(length=1, duration=1)),), NO_VIDEOS),
    Row("an animation", (other(animation=VIDEO),), NO_VIDEOS),
    Row("a forwarded photo", (forwarded,), "This photo comes from somebody else."),
    Row("a photo that was deleted meanwhile", (deleted_meanwhile,), NOT_FETCHED),
    Row("a file of 50 MB", (fifty_megabytes,), TOO_LARGE),
    Row("a sticker in a group", (other(sticker=STICKER),), SILENCE, group=True),
    Row("/mom as an answer to words", (reply_to_nothing,), "Send me the photo of mom."),
    Row("/age, answered with a sticker", (says("/age"), sees("How old"), other(sticker=STICKER)), PHOTOS_ONLY),
)
ROWS = (*ANYWHERE, *COMMANDS, *ON_TELEGRAM)


async def test_every_bad_input_gets_a_clear_answer_and_changes_nothing(
    api: BotApi, dialogue: ConversationService, store: Store
) -> None:
    rows = dict(enumerate(ROWS, start=1001))
    agreed(store, "telegram", *(number for number, row in rows.items() if row.has_agreed))
    wrong: list[str] = []
    async with running_bot(api, dialogue):
        for number, row in rows.items():
            person = api.person(number, -number if row.group else None)
            for deed in row.deeds:
                await deed(person)
            wrong += [f"{row.name}: {said}" for said in await answers_but(person, row.answer)]
        for number, row in rows.items():
            chat = str(-number if row.group else number)
            wrong += [f"{row.name}: {said}" for said in what_changed(store, "telegram", str(number), chat)]
    assert not wrong, "\n".join(wrong)


async def answers_but(person: Person, wanted: str) -> list[str]:
    """What was said instead of the wanted words; /help shows that the bot still answers, and ends a silence."""
    if wanted:
        try:
            await person.sees(wanted)
        except AssertionError:
            return person.texts or ["silence"]
    await person.says("/help")
    await person.sees("Send two photos, mom and dad")
    return [] if wanted else person.texts[:-1]


def test_every_command_has_a_row() -> None:
    assert {*PRIVATE, *GROUP} <= commands_in(ROWS)
