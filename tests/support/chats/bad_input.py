"""What people send that means nothing: a row for each, with words of the answer that a person would find clear.

`ANYWHERE` and `COMMANDS` can be played on Telegram and in a terminal; what only one service has stands beside its test.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from bots.conversation.state import state_from_json
from storage.unit_of_work import Store


class Speaker(Protocol):
    """Somebody in front of a chat."""

    async def says(self, text: str) -> object: ...

    async def sends_photo(self, data: bytes, caption: str | None = None) -> object: ...

    async def sends_file(self, data: bytes, name: str, mime: str) -> object: ...

    async def presses(self, label: str) -> object: ...

    async def sees(self, words: str) -> object: ...


Action = Callable[[Any], Awaitable[object]]

PHOTOS_ONLY = "I only understand photos and a few words."
NO_VIDEOS = "I cannot read videos."
SEND_TWO = "Send me two photos: one of mom, one of dad."
NEXT_PHOTO = "Now a photo of the other parent, please."
BAD_AGE = "I can draw ages from 0 to 90. Try /age 7."
BAD_MIX = "The mix is a number from 0 (all mom) to 100 (all dad). Try /mix 30."
BAD_GROUP = "An age group is two ages from 0 to 90, the younger one first. Try /group 11-20."
BAD_GENES = "Say whose each trait shall be, mom, dad, both or chance"
BAD_SMILE = "A smile is a number from -1 (grave) to 1 (all smiles), 0 is as usual."
BAD_WISH = "Tell me what to change in your own words"
BAD_LOOK = "Each look is a number from -1 to 1, 0 is as usual"
BAD_CODE = "That is not the code of a child"
BAD_SEX = "You can choose girl, boy or surprise. Try /sex girl."
BAD_NAMES = "Tell me the names like this: /names Anna, Ben"
LONG_NAME = "may have up to 24 letters"
NO_FACE = "I cannot find a face on this photo."
NO_PICTURE = "This file is not a picture."
NOT_FETCHED = "I could not fetch this photo."
TOO_LARGE = "This photo is too large for me: I take up to 20 MB."
UNDER_AGE = "This person looks under age to me"
UNSAFE = "I would rather not draw from this picture."
TWO_FACES = "I see 2 faces here. Which one do you mean?"
SAME_PHOTO = "I have this photo already."
ASKED_FIRST = "Before I look at any photo"
WALL_IS_OFF = "The family wall is off in this group."
ADMINS_ONLY = "Only admins of this group"
UNKNOWN_COMMAND = "I don't know that command."
SILENCE = ""
"""Not for us: no answer."""


@dataclass(frozen=True)
class Row:
    """What somebody does, and words of the last answer. `group`: said among others."""

    name: str
    deeds: tuple[Action, ...]
    answer: str
    group: bool = False
    has_agreed: bool = True


def says(text: str) -> Action:
    return lambda person: person.says(text)


def photo(data: bytes, caption: str | None = None) -> Action:
    return lambda person: person.sends_photo(data, caption)


def file(data: bytes, name: str, mime: str) -> Action:
    return lambda person: person.sends_file(data, name, mime)


def presses(label: str) -> Action:
    return lambda person: person.presses(label)


def sees(words: str) -> Action:
    return lambda person: person.sees(words)


ANYWHERE = (
    Row("a picture that is none", (file(b"text 1", "a.jpg", "image/jpeg"),), NO_PICTURE),
    Row("two faces", (photo(b"crowd:2 1"),), TWO_FACES),
    Row("forty faces", (photo(b"crowd:40 1"),), "I see 40 faces here. Which one do you mean?"),
    Row(
        "a face that is not there",
        (photo(b"crowd:3 1"), sees("3 faces"), says("7")),
        "Please choose a face by its number, 1 to 3.",
    ),
    Row("a dog", (photo(b"nobody dog"),), NO_FACE),
    Row("a dog as dad", (photo(b"nobody dog", "dad"),), NO_FACE),
    Row("a baby as dad", (photo(b"baby 1", "dad"),), UNDER_AGE),
    Row(
        "a baby, they say no",
        (photo(b"baby 1"), sees("under age"), presses("That is wrong")),
        "Sorry! Faces can deceive",
    ),
    Row("an indecent picture", (photo(b"unsafe 1"),), UNSAFE),
    Row("the same photo twice", (photo(b"mom 1"), sees(NEXT_PHOTO), photo(b"mom 1")), SAME_PHOTO),
    Row("emoji", (says("👶❤️"),), SEND_TWO),
    Row("right-to-left text", (says("مرحبا كيف حالك"),), SEND_TWO),
    Row("text with marks of direction", (says("\u202egnihtemos\u202c"),), SEND_TWO),
    Row("a very long text", (says("no " * 1300),), SEND_TWO),
    Row("both parents in one caption", (photo(b"someone 1", "mom and dad"),), NEXT_PHOTO),
    Row("words in a group", (says("what a day"),), SILENCE, group=True),
    Row("a photo before agreeing", (photo(b"mom 1"),), ASKED_FIRST, has_agreed=False),
    Row(
        "a second photo before agreeing",
        (photo(b"mom 1"), sees("Before I look"), photo(b"dad 1")),
        "I take this photo once you have agreed",
        has_agreed=False,
    ),
    Row("a very long word", (says("no" * 1000),), SEND_TWO),
)

COMMANDS = (
    Row("/start with words", (says("/start qwerty"),), "Send me a photo of mom and a photo of dad"),
    Row("/help with words", (says("/help 👶"),), "Send two photos, mom and dad"),
    Row("/mom without a photo", (says("/mom abc"),), "Send me the photo of mom."),
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
    Row("/wish without words", (says("/wish"),), BAD_WISH),
    Row("/wish about something else", (says("/wish the cat is asleep"),), BAD_WISH),
    Row("/wish, emoji", (says("/wish 👶❤️"),), BAD_WISH),
    Row("/wish, right to left", (says("/wish قطة"),), BAD_WISH),
    Row("/wish, 400 years", (says("/wish 400 years old"),), BAD_AGE),
    Row("/wish for a girl and a boy", (says("/wish a girl, a boy"),), BAD_WISH),
    Row("/card without a child", (says("/card"),), SEND_TWO),
    Row("/card with words", (says("/card 👶 please"),), SEND_TWO),
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
    Row("/mix, right to left", (says("/mix قطة"),), BAD_MIX),
    Row("/sex dragon", (says("/sex dragon"),), BAD_SEX),
    Row("/sex, both", (says("/sex girl boy"),), BAD_SEX),
    Row("/sex, emoji", (says("/sex 🐉"),), BAD_SEX),
    Row("/sex, right to left", (says("/sex قطة"),), BAD_SEX),
    Row("/sibling without photos", (says("/sibling 3"),), SEND_TWO),
    Row("/grow with one photo only", (photo(b"mom 1"), sees(NEXT_PHOTO), says("/grow")), NEXT_PHOTO),
    Row("/names without names", (says("/names"),), BAD_NAMES),
    Row("/names, one name", (says("/names 👶"),), BAD_NAMES),
    Row("/names, a long one", (says(f"/names Anna, {'B' * 40}"),), LONG_NAME),
    Row("/wall in a private chat", (says("/wall"),), "The family wall belongs to a group."),
    Row("/wall that is off", (says("/wall"),), WALL_IS_OFF, group=True),
    Row("/wall perhaps", (says("/wall perhaps"),), "/wall shows the family wall.", group=True),
    Row("/wall on by anybody", (says("/wall on"),), ADMINS_ONLY, group=True),
    Row("/settings with words", (says("/settings abc"),), "When you say nothing else I draw: Surprise, 6 years"),
    Row("/language Klingon", (says("/language Klingon"),), "I don't speak that language yet. These I do:"),
    Row("/language, emoji", (says("/language 🐉"),), "I don't speak that language yet. These I do:"),
    Row("/cancel for nothing", (says("/cancel it"),), "There is nothing to cancel."),
    Row("/privacy with words", (says("/privacy?"), says("/privacy please")), "What I keep, and how long"),
    Row("/withdraw for nothing", (says("/withdraw"),), "You have not agreed to anything yet", has_agreed=False),
    Row("/withdraw, then no", (says("/withdraw"), sees("Withdraw your agreement?"), says("no")), "agreement stands"),
    Row("/delete_my_data, then no", (says("/delete_my_data"), sees("Delete everything"), says("no")), "was deleted."),
    Row("/delete_my_data, then maybe", (says("/delete_my_data"), sees("Delete everything"), says("maybe")), SEND_TWO),
    Row("/admin by anybody", (says("/admin block 7"),), UNKNOWN_COMMAND),
    Row("an unknown command", (says("/fly"),), "I don't know that command. /help shows what I can do."),
    Row("a command in capitals", (says("/AGE -3"),), BAD_AGE),
    Row("an unknown command in a group", (says("/fly"),), SILENCE, group=True),
    Row("another bot's command in a group", (says("/age@other_bot 400"),), SILENCE, group=True),
)


def what_changed(store: Store, platform: str, number: str, chat: str) -> list[str]:
    """A drawing that was queued, or a setting that moved."""
    with store.read_only() as unit:
        user = unit.users.find(platform, number)
        if user is None:
            return []
        drawings = [job.kind for job in unit.jobs.active_for(user.id) if job.kind != "encode"]
        spoken = unit.conversations.get(platform, chat, user.id)
        state = state_from_json(spoken.state if spoken else None)
        wished = [str(wish) for wish in (state.genes, state.looks, state.child) if wish]
        settings = [name for name in ("age", "mix", "sex", "refine", "language") if getattr(user, name) is not None]
    return drawings + wished + settings


def commands_in(rows: tuple[Row, ...]) -> set[str]:
    """The commands that have a row."""
    return {row.name.split()[0].strip("/,") for row in rows if row.name.startswith("/")}
