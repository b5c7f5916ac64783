"""The table of bad input: one row for every command and every kind of message, with the answer that is clear.

Each row is played in a chat of its own, over real HTTP, by one running bot. Afterwards nothing may have changed: no
child was drawn, no setting moved, and the bot still answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bots.commands import GROUP, PRIVATE
from bots.dialogue import Dialogue
from bots.state import state_from_json
from storage.unit import Store
from tests.bots.agreement import agreed
from tests.bots.conftest import running_bot
from tests.bots.fake_telegram import BotApi, Person

Deed = Callable[[Person], Awaitable[object]]

PHOTOS_ONLY = "I only understand photos and a few words."
SEND_TWO = "Send me two photos: one of mom, one of dad."
NEXT_PHOTO = "Now a photo of the other parent, please."
BAD_AGE = "I can draw ages from 0 to 90. Try /age 7."
BAD_MIX = "The mix is a number from 0 (all mom) to 100 (all dad). Try /mix 30."
BAD_GROUP = "An age group is two ages from 0 to 90, the younger one first. Try /group 11-20."
BAD_GENES = "Say whose each trait shall be, mom, dad, both or chance"
BAD_SMILE = "A smile is a number from -1 (grave) to 1 (all smiles), 0 is as usual."
BAD_LOOK = "Each look is a number from -1 to 1, 0 is as usual"
BAD_CODE = "That is not the code of a child"
BAD_SEX = "You can choose girl, boy or surprise. Try /sex girl."
NO_FACE = "I cannot find a face on this photo."
SILENCE = ""
"""Not for us: no answer."""


@dataclass(frozen=True)
class Row:
    """What somebody does, and words of the last answer."""

    name: str
    deeds: tuple[Deed, ...]
    answer: str
    group: bool = False
    has_agreed: bool = True


def says(text: str) -> Deed:
    return lambda person: person.says(text)


def photo(data: bytes, caption: str | None = None) -> Deed:
    return lambda person: person.sends_photo(data, caption)


def file(data: bytes, name: str, mime: str) -> Deed:
    return lambda person: person.sends_file(data, name, mime)


def other(**content: Any) -> Deed:
    return lambda person: person.sends(**content)


def presses(label: str) -> Deed:
    return lambda person: person.presses(label)


def sees(words: str) -> Deed:
    return lambda person: person.sees(words)


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

MESSAGES = (
    Row("a sticker", (other(sticker=STICKER),), PHOTOS_ONLY),
    Row("a voice message", (other(voice=file_facts(duration=1)),), PHOTOS_ONLY),
    Row("a song", (other(audio=file_facts(duration=1)),), PHOTOS_ONLY),
    Row("a place", (other(location={"longitude": 1.0, "latitude": 2.0}),), PHOTOS_ONLY),
    Row("a contact", (other(contact={"phone_number": "1", "first_name": "A"}),), PHOTOS_ONLY),
    Row("a die", (other(dice={"emoji": "🎲", "value": 3}),), PHOTOS_ONLY),
    Row("a document", (file(b"%PDF", "a.pdf", "application/pdf"),), PHOTOS_ONLY),
    Row("a video", (other(video=VIDEO),), "I cannot read videos."),
    Row("a round video", (other(video_note=file_facts(length=1, duration=1)),), "I cannot read videos."),
    Row("an animation", (other(animation=VIDEO),), "I cannot read videos."),
    Row("a forwarded photo", (forwarded,), NEXT_PHOTO),
    Row("a photo that was deleted meanwhile", (deleted_meanwhile,), "I could not fetch this photo."),
    Row("a file of 50 MB", (fifty_megabytes,), "This photo is too large for me: I take up to 20 MB."),
    Row("a picture that is none", (file(b"text 1", "a.jpg", "image/jpeg"),), "This file is not a picture."),
    Row("two faces", (photo(b"crowd:2 1"),), "I see 2 faces here. Which one do you mean?"),
    Row("forty faces", (photo(b"crowd:40 1"),), "I see 40 faces here. Which one do you mean?"),
    Row(
        "a face that is not there",
        (photo(b"crowd:3 1"), sees("3 faces"), says("7")),
        "Please choose a face by its number, 1 to 3.",
    ),
    Row("a dog", (photo(b"nobody dog"),), NO_FACE),
    Row("a dog as dad", (photo(b"nobody dog", "dad"),), NO_FACE),
    Row("a baby as dad", (photo(b"baby 1", "dad"),), "This person looks under age to me"),
    Row(
        "a baby, they say no",
        (photo(b"baby 1"), sees("under age"), presses("That is wrong")),
        "Sorry! Faces can deceive",
    ),
    Row("an indecent picture", (photo(b"unsafe 1"),), "I would rather not draw from this picture."),
    Row("the same photo twice", (photo(b"mom 1"), sees(NEXT_PHOTO), photo(b"mom 1")), "I have this photo already."),
    Row("emoji", (says("👶❤️"),), SEND_TWO),
    Row("right-to-left text", (says("مرحبا كيف حالك"),), SEND_TWO),
    Row("text with marks of direction", (says("\u202egnihtemos\u202c"),), SEND_TWO),
    Row("a very long text", (says("no " * 1300),), SEND_TWO),
    Row("both parents in one caption", (photo(b"someone 1", "mom and dad"),), NEXT_PHOTO),
    Row("a sticker in a group", (other(sticker=STICKER),), SILENCE, group=True),
    Row("words in a group", (says("what a day"),), SILENCE, group=True),
    Row("a photo before agreeing", (photo(b"mom 1"),), "Before I look at any photo", has_agreed=False),
    Row(
        "a second photo before agreeing",
        (photo(b"mom 1"), sees("Before I look"), photo(b"dad 1")),
        "I take this photo once you have agreed",
        has_agreed=False,
    ),
)

COMMANDS = (
    Row("/start with words", (says("/start qwerty"),), "Send me a photo of mom and a photo of dad"),
    Row("/help with words", (says("/help 👶"),), "Send two photos, mom and dad"),
    Row("/mom without a photo", (says("/mom abc"),), "Send me the photo of mom."),
    Row("/mom as an answer to words", (reply_to_nothing,), "Send me the photo of mom."),
    Row("/dad without a photo", (says("/dad 🧔"),), "Send me the photo of dad."),
    Row("/couple in a private chat", (says("/couple @annalisa @benjamin"),), "/couple works in a group"),
    Row("/couple that names nobody", (says("/couple"),), "Name two people: /couple @anna @ben.", group=True),
    Row("/couple with words", (says("/couple me and you"),), "Name two people: /couple @anna @ben.", group=True),
    Row("/couple, one person twice", (says("/couple @annalisa @annalisa"),), "the same person twice", group=True),
    Row("/child without photos", (says("/child"),), SEND_TWO),
    Row("/child at -3", (says("/child -3"),), BAD_AGE),
    Row("/child at 400", (says("/child 400 girl"),), BAD_AGE),
    Row("/child, words", (says("/child طفل 👶"),), SEND_TWO),
    Row("/age -3", (says("/age -3"),), BAD_AGE),
    Row("/age 400", (says("/age 400"),), BAD_AGE),
    Row("/age, words", (says("/age abc"),), BAD_AGE),
    Row("/age, two numbers", (says("/age 7 8"),), BAD_AGE),
    Row("/age, a group turned round", (says("/age 20-11"),), BAD_AGE),
    Row("/age, emoji", (says("/age 👶"),), BAD_AGE),
    Row("/age, right to left", (says("/age عمر"),), BAD_AGE),
    Row("/age, answered with -3", (says("/age"), sees("How old"), says("-3")), BAD_AGE),
    Row("/age, answered with a sticker", (says("/age"), sees("How old"), other(sticker=STICKER)), PHOTOS_ONLY),
    Row("/age, a group beyond everything", (says("/age 80-120"),), BAD_AGE),
    Row("/group, one age", (says("/group 12"),), BAD_GROUP),
    Row("/group, turned round", (says("/group 20-11"),), BAD_GROUP),
    Row("/group beyond everything", (says("/group 80-120"),), BAD_GROUP),
    Row("/group, words", (says("/group teenagers"),), BAD_GROUP),
    Row("/group, two of them", (says("/group 1-10 11-20"),), BAD_GROUP),
    Row("/group, right to left", (says("/group مراهق"),), BAD_GROUP),
    Row("/genes, an unknown trait", (says("/genes ears=mom"),), BAD_GENES),
    Row("/genes of grandma", (says("/genes eyes=grandma"),), BAD_GENES),
    Row("/genes without a parent", (says("/genes eyes"),), BAD_GENES),
    Row("/genes without a trait", (says("/genes mom"),), BAD_GENES),
    Row("/genes, both at once", (says("/genes eyes=mom eyes=dad"),), BAD_GENES),
    Row("/genes, half of it good", (says("/genes eyes=mom, ears=dad"),), BAD_GENES),
    Row("/genes, emoji", (says("/genes 👀=👩"),), BAD_GENES),
    Row("/genes, right to left", (says("/genes قطة"),), BAD_GENES),
    Row("/genes, answered with words", (says("/genes"), sees("Whose shall"), says("the cat")), SEND_TWO),
    Row(
        "/genes, a trait's button, answered with words",
        (says("/genes"), sees("Whose shall"), presses("Nose"), sees("from whom?"), says("the cat")),
        BAD_GENES,
    ),
    Row("/smile 2", (says("/smile 2"),), BAD_SMILE),
    Row("/smile -1.5", (says("/smile -1.5"),), BAD_SMILE),
    Row("/smile, words", (says("/smile like a cat"),), BAD_SMILE),
    Row("/smile, two numbers", (says("/smile 0.1 0.2"),), BAD_SMILE),
    Row("/smile, emoji", (says("/smile 😀"),), BAD_SMILE),
    Row("/smile nan", (says("/smile nan"),), BAD_SMILE),
    Row("/smile, answered with 7", (says("/smile"), sees("1 smiles"), says("7")), BAD_SMILE),
    Row("/look, an unknown look", (says("/look ears=1"),), BAD_LOOK),
    Row("/look, too much", (says("/look glasses=3"),), BAD_LOOK),
    Row("/look, half of it good", (says("/look hair=0.5 glasses=-7"),), BAD_LOOK),
    Row("/look, a number only", (says("/look 0.5"),), BAD_LOOK),
    Row("/look, twice the same", (says("/look hair=1 hair=-1"),), BAD_LOOK),
    Row("/look, emoji", (says("/look 👓"),), BAD_LOOK),
    Row("/look, right to left", (says("/look قطة"),), BAD_LOOK),
    Row(
        "/look, a button, answered with 3",
        (says("/look"), sees("How shall"), presses("Beard"), sees("grows a beard"), says("3")),
        BAD_LOOK,
    ),
    Row("/code before any child", (says("/code"),), "There is no child yet whose code I could tell."),
    Row("/code, a wrong letter", (says("/code 71H1-31G"),), BAD_CODE),
    Row("/code, two letters changed places", (says("/code 17H1-31F"),), BAD_CODE),
    Row("/code, far too long", (says(f"/code {'71H1' * 40}"),), BAD_CODE),
    Row("/code, words", (says("/code of my child"),), BAD_CODE),
    Row("/code, emoji", (says("/code 👶"),), BAD_CODE),
    Row("/code, right to left", (says("/code رمز"),), BAD_CODE),
    Row("/code without photos", (says("/code 71H1-31F"),), "Send me photos of its mom and dad first"),
    Row("/code pasted, a wrong letter", (says("Code: 71H1-31G"),), BAD_CODE),
    Row("/mix abc", (says("/mix abc"),), BAD_MIX),
    Row("/mix -5", (says("/mix -5"),), BAD_MIX),
    Row("/mix 400", (says("/mix 400"),), BAD_MIX),
    Row("/mix, both parents", (says("/mix mom dad"),), BAD_MIX),
    Row("/mix, emoji", (says("/mix 🎲"),), BAD_MIX),
    Row("/mix, right to left", (says("/mix نصف"),), BAD_MIX),
    Row("/sex dragon", (says("/sex dragon"),), BAD_SEX),
    Row("/sex, both", (says("/sex girl boy"),), BAD_SEX),
    Row("/sex, emoji", (says("/sex 🐉"),), BAD_SEX),
    Row("/sex, right to left", (says("/sex قطة"),), BAD_SEX),
    Row("/sibling without photos", (says("/sibling 3"),), SEND_TWO),
    Row("/grow with one photo only", (photo(b"mom 1"), sees(NEXT_PHOTO), says("/grow")), NEXT_PHOTO),
    Row("/names without names", (says("/names"),), "Tell me the names like this: /names Anna, Ben"),
    Row("/names, one name", (says("/names 👶"),), "Tell me the names like this: /names Anna, Ben"),
    Row("/names, a long one", (says(f"/names Anna, {'B' * 40}"),), "may have up to 24 letters"),
    Row("/wall in a private chat", (says("/wall"),), "The family wall belongs to a group."),
    Row("/wall that is off", (says("/wall"),), "The family wall is off in this group.", group=True),
    Row("/wall perhaps", (says("/wall perhaps"),), "/wall shows the family wall.", group=True),
    Row("/wall on by anybody", (says("/wall on"),), "Only admins of this group", group=True),
    Row("/settings with words", (says("/settings abc"),), "When you say nothing else I draw: Surprise, 6 years"),
    Row("/language Klingon", (says("/language Klingon"),), "I don't speak that language yet. These I do:"),
    Row("/language, emoji", (says("/language 🐉"),), "I don't speak that language yet. These I do:"),
    Row("/cancel for nothing", (says("/cancel it"),), "There is nothing to cancel."),
    Row("/privacy with words", (says("/privacy?"), says("/privacy please")), "What I keep, and how long"),
    Row("/withdraw for nothing", (says("/withdraw"),), "You have not agreed to anything yet", has_agreed=False),
    Row("/withdraw, then no", (says("/withdraw"), sees("Withdraw your agreement?"), says("no")), "agreement stands"),
    Row("/delete_my_data, then no", (says("/delete_my_data"), sees("Delete everything"), says("no")), "was deleted."),
    Row("/delete_my_data, then maybe", (says("/delete_my_data"), sees("Delete everything"), says("maybe")), SEND_TWO),
    Row("/admin by anybody", (says("/admin block 7"),), "I don't know that command."),
    Row("an unknown command", (says("/fly"),), "I don't know that command. /help shows what I can do."),
    Row("a command in capitals", (says("/AGE -3"),), BAD_AGE),
    Row("an unknown command in a group", (says("/fly"),), SILENCE, group=True),
    Row("another bot's command in a group", (says("/age@other_bot 400"),), SILENCE, group=True),
)


async def test_every_bad_input_gets_a_clear_answer_and_changes_nothing(
    api: BotApi, dialogue: Dialogue, store: Store
) -> None:
    rows = dict(enumerate([*MESSAGES, *COMMANDS], start=1001))
    agreed(store, "telegram", *(number for number, row in rows.items() if row.has_agreed))
    wrong: list[str] = []
    async with running_bot(api, dialogue):
        for number, row in rows.items():
            person = api.person(number, -number if row.group else None)
            for deed in row.deeds:
                await deed(person)
            wrong += [f"{row.name}: {said}" for said in await answers_but(person, row.answer)]
        for number, row in rows.items():
            wrong += [f"{row.name}: {said}" for said in what_changed(store, str(number))]
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


def what_changed(store: Store, number: str) -> list[str]:
    """A drawing that was queued, or a setting that moved."""
    with store.view() as unit:
        user = unit.users.find("telegram", number)
        if user is None:
            return []
        drawings = [job.kind for job in unit.jobs.active_for(user.id) if job.kind != "encode"]
        spoken = unit.conversations.get("telegram", number, user.id)
        state = state_from_json(spoken.state if spoken else None)
        wished = [str(wish) for wish in (state.genes, state.looks, state.child) if wish]
        settings = [name for name in ("age", "mix", "sex", "refine", "language") if getattr(user, name) is not None]
    return drawings + wished + settings


def test_every_command_has_a_row() -> None:
    told = {row.name.split()[0].strip("/,") for row in COMMANDS}
    assert {*PRIVATE, *GROUP} <= told
