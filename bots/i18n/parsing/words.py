"""Parses free text: who is in a photo, ages, sex, shares of each parent.

Captions come in any language, so these lists do too, whatever language the bot itself answers in.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from bots.conversation.events import Role
from bots.i18n.parsing.command_names import canonical_name


def words_of(text: str) -> frozenset[str]:
    """A set of words, as `plain_words` gives them."""
    return frozenset(unicodedata.normalize("NFC", text).split())


MOM_WORDS = words_of(
    "mom mum mommy mummy mama mamma momma ma mother wife mutter mutti mami mamá madre mamãe mãe mère maman moeder "
    "matka мама мать мамы мамочка мамуля anne annem मां माँ मम्मी अम्मा माता "
    "妈妈 媽媽 妈 媽 母亲 母親 ماما أم ام أمي امي الأم الام والدة والدتي お母さん ママ 엄마"
)
DAD_WORDS = words_of(
    "dad daddy papa pappa pa father husband vater vati papi papá padre papai pai père vader ojciec tata tato pabbi "
    "папа отец папы папочка папуля baba babam पापा पिता पिताजी डैडी बाबा "
    "爸爸 爸 父亲 父親 بابا أب اب أبي ابي الأب الاب والد والدي お父さん パパ 아빠"
)
GIRL_WORDS = words_of(
    "girl girls daughter female f w mädchen tochter niña hija menina filha fille "
    "девочка дочь дочка लड़की बेटी 女孩 女孩子 女生 女 女儿 بنت فتاة ابنة"
)
BOY_WORDS = words_of(
    "boy boys son male m junge sohn niño hijo menino filho garçon мальчик сын लड़का बेटा "
    "男孩 男孩子 男生 男 儿子 ولد صبي ابن"
)
SURPRISE_WORDS = words_of(
    "surprise any either random chance egal überraschung sorpresa surpresa сюрприз любой आश्चर्य 惊喜 随便 مفاجأة ? 🎲 🤷"
)
YES_WORDS = words_of(
    "yes y yeah agree delete ok sí si acepto sim aceito concordo да согласен согласна согласие ja jawohl einverstanden "
    "हाँ हां जी सहमत राज़ी 是 是的 对 同意 我同意 نعم أجل موافق موافقة أوافق"
)
NO_WORDS = words_of("no n nope keep não nao нет не nein नहीं नही 不 不是 不要 不用 不用了 不同意 我不同意 否 لا كلا")
LANGUAGE_WORDS = {
    "en": words_of("en english inglés inglês английский englisch अंग्रेज़ी अंग्रेजी 英语 英文 الإنجليزية انجليزي إنجليزي"),
    "es": words_of(
        "es spanish español espanol castellano espanhol испанский spanisch स्पेनिश 西班牙语 西班牙文 الإسبانية اسباني"
    ),
    "pt": words_of(
        "pt portuguese portugués português portugues португальский portugiesisch पुर्तगाली 葡萄牙语 البرتغالية"
    ),
    "ru": words_of("ru russian ruso russo русский по-русски russisch रूसी 俄语 俄文 الروسية روسي"),
    "de": words_of("de german alemán aleman alemão alemao немецкий deutsch जर्मन 德语 德文 الألمانية ألماني"),
    "hi": words_of("hi hindi hindú híndi хинди हिन्दी हिंदी 印地语 印地文 الهندية هندي"),
    "zh": words_of(
        "zh chinese mandarin chino chinês китайский chinesisch चीनी 中文 汉语 简体中文 普通话 华语 الصينية صيني"
    ),
    "ar": words_of("ar arabic árabe arabe арабский arabisch अरबी 阿拉伯语 阿拉伯文 العربية عربي"),
}

SEXES = {"girl": GIRL_WORDS, "boy": BOY_WORDS, "surprise": SURPRISE_WORDS}
ROLES: dict[Role, frozenset[str]] = {"mom": MOM_WORDS, "dad": DAD_WORDS}

OLDEST = 90
"""Maximum age of a drawn child, in years."""

MAX_CAPTION_LENGTH_WITH_ROLE = 6
"""Words. "mom" or "this is my dad" names a person; a whole story that mentions dad does not."""

MAX_CHINESE_PHRASE = 8
"""Characters. 这是我妈妈 names a person; a sentence that mentions her does not."""

_BETWEEN_WORDS = re.compile(r"[\s，、。،]+")
_COMMAND = re.compile(r"^/([^\s/@]{1,40})(?:@([A-Za-z0-9_]+))?(?:\s+|$)(.*)$", re.DOTALL)
_OUR_KIND_OF_NAME = re.compile(r"[A-Za-z0-9_]{1,32}")
_AGE_GROUP = re.compile(r"(?<![\d.,-])(\d{1,3})\s*[-–—]\s*(\d{1,3})(?![-–—\d.,])")
_NUMBER = re.compile(r"[-+−]?\d+(?:[.,]\d+)?")


@dataclass(frozen=True, slots=True)
class Command:
    """`/name argument`, addressed to anybody or to us."""

    name: str
    argument: str


def read_command(text: str | None, our_name: str | None = None) -> Command | None:
    """The command a text begins with, by its English name; None for other text and for commands to another bot."""
    match = _COMMAND.match((text or "").strip())
    if match is None:
        return None
    name, addressee, argument = match.groups()
    if addressee and our_name and addressee.lower() != our_name.lower():
        return None
    canonical = canonical_name(name) or (name.lower() if _OUR_KIND_OF_NAME.fullmatch(name) else None)
    return None if canonical is None else Command(canonical, argument.strip())


def plain_words(text: str | None) -> list[str]:
    """Lower-case words without punctuation and emoji around them."""
    composed = unicodedata.normalize("NFC", (text or "").lower())
    return [word for word in (_trim(part) for part in _BETWEEN_WORDS.split(composed)) if word]


def _trim(word: str) -> str:
    """Drop what is not a letter, mark or digit at both ends; keep a word that is nothing else."""
    inside = [at for at, letter in enumerate(word) if unicodedata.category(letter)[0] in "LMN"]
    return word[inside[0] : inside[-1] + 1] if inside else word


def _say_one_of(words: set[str], names: frozenset[str]) -> bool:
    """Whether one of the names is among the words, or within a short Chinese phrase: that has no blanks."""
    if words & names:
        return True
    phrases = [word for word in words if is_chinese(word) and len(word) <= MAX_CHINESE_PHRASE]
    return any(name in phrase for phrase in phrases for name in names if len(name) > 1 and is_chinese(name))


def is_chinese(word: str) -> bool:
    """Whether a word is made of Chinese characters only."""
    return all("\u4e00" <= letter <= "\u9fff" for letter in word)


def read_role(text: str | None) -> Role | None:
    """Whom a caption names; None when it names nobody or both."""
    words = set(plain_words(text))
    if len(words) > MAX_CAPTION_LENGTH_WITH_ROLE:
        return None
    named: list[Role] = [role for role, names in ROLES.items() if _say_one_of(words, names)]
    return named[0] if len(named) == 1 else None


def read_number(text: str) -> float | None:
    """The one number in a text, in any script's digits: "7", "7,5 years", "３０ %"; None for none or several."""
    found = _NUMBER.findall(text)
    if len(found) != 1:
        return None
    return float(found[0].replace(",", ".").replace("−", "-"))


def read_age(text: str) -> float | None:
    """Years: the one number in a text, or the whole year in the middle of a group of ages such as "11-20"."""
    groups = _AGE_GROUP.findall(text)
    if not groups:
        return read_number(text)
    return _middle(*map(int, groups[0])) if len(groups) == 1 else None


def read_age_group(text: str) -> float | None:
    """The whole year in the middle of a group of ages such as "11-20"; None where a text says anything else."""
    groups = _AGE_GROUP.findall(text)
    rest = _AGE_GROUP.sub("", text)
    return read_age(text) if len(groups) == 1 and not _NUMBER.search(rest) else None


def _middle(youngest: int, oldest: int) -> float | None:
    return float((youngest + oldest) // 2) if youngest <= oldest <= OLDEST else None


def is_wish(name: str, value: object) -> bool:
    """Whether an age, a mix or a sex that came as a fact, past all reading, is one that can be drawn."""
    if name == "sex":
        return value in SEXES
    return isinstance(value, int | float) and 0 <= value <= (OLDEST if name == "age" else 100)


def read_sex(text: str) -> str | None:
    """girl, boy or surprise; None when no word or two different ones say so."""
    words = set(plain_words(text))
    meant = [sex for sex, names in SEXES.items() if _say_one_of(words, names)]
    return meant[0] if len(meant) == 1 else None


def read_mix(text: str) -> float | None:
    """0 for all mom … 100 for all dad: a number, or the name of one parent."""
    role = read_role(text)
    if role is not None:
        return 0.0 if role == "mom" else 100.0
    return read_number(text)


def read_language(text: str) -> str | None:
    """The code of the language that a text names, in any of our languages; None for no name or several."""
    words = set(plain_words(text))
    named = [language for language, names in LANGUAGE_WORDS.items() if words & names]
    return named[0] if len(named) == 1 else None


def read_yes_no(text: str) -> bool | None:
    """Whether a text says yes or no; None when neither or both."""
    words = set(plain_words(text))
    yes, no = bool(words & YES_WORDS), bool(words & NO_WORDS)
    return yes if yes != no else None
