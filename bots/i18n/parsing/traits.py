"""Parses traits and looks: "eyes from mom, nose=dad", "glasses 1, hair: -0.5", child codes.

In any of our languages, in any order, with or without commas. A text with a word in it that nobody knows is not
guessed at: half a wish would be drawn, and nobody would know which half.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import pairwise

from bots.i18n.parsing.words import (
    DAD_WORDS,
    MOM_WORDS,
    NO_WORDS,
    SURPRISE_WORDS,
    YES_WORDS,
    is_chinese,
    plain_words,
    words_of,
)

TRAIT_WORDS: dict[str, frozenset[str]] = {
    "face": words_of(
        "face head shape cara rostro forma rosto лицо лица gesicht gesichtsform चेहरा चेहरे 脸 脸型 臉 臉型 وجه الوجه"
    ),
    "eyes": words_of(
        "eyes eye ojos ojo olhos olho глаза глаз глазки augen auge आँखें आंखें आँख आंख 眼睛 眼 "
        "عيون العيون عين العين عينان العينان عينين العينين"
    ),
    "brows": words_of(
        "brows brow eyebrows eyebrow cejas ceja sobrancelhas sobrancelha брови бровь brauen augenbrauen augenbraue "
        "भौंहें भौहें भौंह 眉毛 眉 حواجب الحواجب حاجبان الحاجبان حاجبين الحاجبين"
    ),
    "nose": words_of("nose nariz нос носик nase नाक 鼻子 鼻 أنف الأنف انف الانف"),
    "mouth": words_of(
        "mouth lips lip boca labios lábios рот губы mund lippen मुँह मुंह होंठ होठ 嘴 嘴巴 嘴唇 فم الفم شفاه الشفاه"
    ),
    "jaw": words_of(
        "jaw chin mandíbula mandibula barbilla mentón menton queixo maxilar подбородок челюсть kinn kiefer "
        "ठोड़ी ठुड्डी जबड़ा 下巴 下颌 ذقن الذقن فك الفك"
    ),
    "skin": words_of(
        "skin complexion piel tez pele кожа haut hautfarbe hautton त्वचा रंगत 皮肤 肤色 皮膚 膚色 بشرة البشرة جلد الجلد"
    ),
    "hair": words_of("hair pelo cabello cabelo cabelos волосы haare haar बाल बालों 头发 頭髮 شعر الشعر"),
}
"""The traits of the gene card, in its order (as `core.domain.genes.TRAITS`; a test holds the two together)."""

TRAITS = tuple(TRAIT_WORDS)
SOURCES = ("mom", "dad", "both")
CHANCE = "chance"
"""Words for a trait that should be random again."""

GENE_SOURCES: dict[str, frozenset[str]] = {
    "mom": MOM_WORDS | words_of("mamas mommys мамин мамина мамины मम्मीजी أمها أمه"),
    "dad": DAD_WORDS | words_of("papas daddys папин папина папины أبوها أبوه"),
    "both": words_of(
        "both half mix mixed between ambos ambas dos dois duas mitad metade оба обоих половина "
        "beide beiden beider gemischt "
        "दोनों 都 两人 双方 一半 كلاهما الاثنين الاثنان كليهما"
    ),
    CHANCE: SURPRISE_WORDS
    | words_of("auto free azar acaso sorte случай случайно zufall zufällig संयोग 随机 صدفة الصدفة بالصدفة"),
}
FILLERS = words_of(
    "from of the by and like has have with as is are de del al ao per durch la el los las y e o a os as "
    "da do das como com con "
    "от у и как с von vom der die das den des und wie mit का की के को से और जैसा जैसी जैसे 的 像 和 与 来自 跟 由 随 "
    "من و مثل على"
)
RESET_WORDS = words_of(
    "reset clear default reiniciar restablecer redefinir limpar сброс сбросить zurücksetzen रीसेट 重置 清除 مسح"
)

LOOK_WORDS: dict[str, frozenset[str]] = {
    "smile": words_of("smile smiling sonrisa sorriso улыбка lächeln मुस्कान 微笑 笑 笑容 ابتسامة الابتسامة"),
    "mouth": TRAIT_WORDS["mouth"],
    "eyes": TRAIT_WORDS["eyes"],
    "glasses": words_of(
        "glasses specs spectacles gafas lentes anteojos óculos oculos очки brille चश्मा 眼镜 眼鏡 نظارة نظارات النظارة"
    ),
    "yaw": words_of("yaw turn pose giro virada поворот drehung kopfdrehung घुमाव 转头 左右 التفات الالتفات"),
    "pitch": words_of("pitch nod tilt inclinación inclinação наклон neigung kopfneigung झुकाव 抬头 俯仰 ميل الميل"),
    "hair": TRAIT_WORDS["hair"] | words_of("haarfarbe 发色"),
    "hair_length": words_of(
        "hair_length length largo longitud comprimento длина länge haarlänge लंबाई 发长 长度 طول الطول"
    ),
    "light": words_of("light luz свет licht रोशनी 光 光线 光照 ضوء إضاءة الإضاءة"),
    "background": words_of("background fondo fundo фон hintergrund पृष्ठभूमि 背景 خلفية الخلفية"),
    "beard": words_of("beard barba борода bart दाढ़ी 胡子 胡须 لحية اللحية"),
    "makeup": words_of("makeup make-up maquillaje maquiagem макияж косметика schminke मेकअप 化妆 妆 مكياج المكياج"),
}
"""The looks in the order of `core.domain.child_spec.LOOKS` (a test holds the two together)."""

LOOKS = tuple(LOOK_WORDS)
ON_WORDS = YES_WORDS | words_of("on an sí вкл चालू 开 تشغيل")
OFF_WORDS = NO_WORDS | words_of("off without none aus ohne sin sem без выкл बिना 无 没有 关 بدون")

_NUMBER = r"[-+−–]?(?:\d+(?:[.,٫]\d+)?|[.,]\d+)\s*[%٪]?"
_NUMBER_OR_WORD = re.compile(rf"({_NUMBER})|((?:(?!{_NUMBER})[^\s=:;،、，,])+)")
_HAIR_LENGTH = re.compile(r"\bhair[-_\s]+length\b")
_OF_SOMEBODY = re.compile(r"['’`]s?\b")
_CLAUSES = re.compile(r"[,;،、，\n]+|\s(?:and|y|e|и|und|और|و)\s")
_CODE = re.compile(r"(?<![\w-])[0-9A-Za-z]{4}(?:-[0-9A-Za-z]{4})*-[0-9A-Za-z]{1,4}(?![\w-])")

MAX_PASTED_LENGTH = 6
"""Words of a message that is taken for a pasted code: "Code: RSTA-DWYB-5"."""


def says_reset(text: str) -> bool:
    """Whether a text only asks to start over."""
    words = plain_words(text)
    return bool(words) and set(words) <= RESET_WORDS | FILLERS and bool(set(words) & RESET_WORDS)


# Genes


def read_genes(text: str) -> dict[str, str] | None:
    """Trait → mom, dad, both or chance, in the order of TRAITS; None where a text says something else, or nothing.

    >>> read_genes("nose from dad, mom's eyes")
    {'eyes': 'mom', 'nose': 'dad'}
    """
    told = _pairs(_gene_words(text)) or _clause_by_clause(text)
    if not told:
        return None
    found: dict[str, str] = {}
    for trait, source in told:
        if found.setdefault(trait, source) != source:
            return None
    return {trait: found[trait] for trait in TRAITS if trait in found}


def _clause_by_clause(text: str) -> list[tuple[str, str]]:
    """ "eyes from mom and dad's nose": who speaks so begins anew after each "and"."""
    told: list[tuple[str, str]] = []
    for clause in filter(str.strip, _CLAUSES.split(text)):
        pairs = _pairs(_gene_words(clause))
        if not pairs:
            return []
        told += pairs
    return told


def read_source(text: str) -> str | None:
    """mom, dad, both or chance, if a text says one of them."""
    words = _gene_words(text)
    return words[0] if words is not None and len(words) == 1 and words[0] in GENE_SOURCES else None


def _gene_words(text: str) -> list[str] | None:
    """The traits and sources that a text names, one after the other; None when it says something else, too."""
    words = plain_words(_OF_SOMEBODY.sub("", re.sub(r"[=:;&+>→]", " ", text)))
    named: list[str] = []
    for word in words:
        for part in _parts(word):
            name = _GENE_NAMES.get(part)
            if name is None and part not in FILLERS:
                return None
            named += [name] if name else []
    return named


def _parts(word: str) -> Sequence[str]:
    """A word; Chinese has no blanks between its words, and Arabic glues its "and" to the next one."""
    if word in _GENE_NAMES or word in FILLERS:
        return (word,)
    if is_chinese(word):
        return _CHINESE.findall(word)
    return (word[1:],) if word.startswith("و") else (word,)


def _pairs(words: list[str] | None) -> list[tuple[str, str]]:
    """ "eyes nose mom hair dad" or "mom eyes nose dad hair" → who gives what; nothing where some are left over."""
    if not words:
        return []
    if words[0] in GENE_SOURCES:
        return [(trait, source) for source, trait in _pairs_of(words, GENE_SOURCES, TRAIT_WORDS)]
    return [(trait, source) for source, trait in _pairs_of(words[::-1], GENE_SOURCES, TRAIT_WORDS)][::-1]


def _pairs_of(
    words: Sequence[str], heads: Mapping[str, object], members: Mapping[str, object]
) -> list[tuple[str, str]]:
    """Each head with the members that follow it; nothing unless every head has some."""
    pairs: list[tuple[str, str]] = []
    head = ""
    for word in words:
        if word in heads:
            head = word
        elif word in members and head:
            pairs.append((head, word))
    lonely = any(first in heads and second in heads for first, second in pairwise((*words, "mom")))
    return pairs if words[0] in heads and not lonely else []


# Looks


def read_looks(text: str) -> dict[str, float] | None:
    """Look → -1 … 1, each with a number, "no", or nothing (which means 1); None where a text says something else.

    >>> read_looks("glasses, hair -0.5")
    {'glasses': 1.0, 'hair': -0.5}
    """
    found: dict[str, float] = {}
    last, negated = "", False
    for number, word in _NUMBER_OR_WORD.findall(_HAIR_LENGTH.sub("hair_length", _lowered(text))):
        name = _LOOK_NAMES.get(word.strip(".!?"))
        if number and last:
            found[last], last = _strength(number), ""
        elif name is not None and name not in found:
            found[name] = 0.0 if negated else 1.0
            last, negated = ("" if negated else name), False
        elif word in OFF_WORDS and last:
            found[last], last = 0.0, ""
        elif word in OFF_WORDS:
            negated = True
        elif word in ON_WORDS and last:
            last = ""
        elif number or word not in FILLERS:
            return None
    if not found or negated or any(not -1 <= strength <= 1 for strength in found.values()):
        return None
    return {look: found[look] for look in LOOKS if look in found}


def read_strength(text: str) -> float | None:
    """-1 … 1: a number, a share, or yes and no; None for anything else."""
    said = _lowered(text).strip()
    if re.fullmatch(_NUMBER, said):
        strength = _strength(said)
        return strength if -1 <= strength <= 1 else None
    words = set(plain_words(text))
    on, off = bool(words & ON_WORDS), bool(words & OFF_WORDS)
    return float(on) if on != off else None


def _strength(number: str) -> float:
    """ "-0,5" and "-50 %" alike."""
    digits = number.rstrip("%٪ ")
    value = float(digits.translate(str.maketrans(",٫−–", "..--")))
    return value if digits == number.rstrip() else value / 100


def _lowered(text: str) -> str:
    return unicodedata.normalize("NFC", text.lower())


# Codes


def find_code(text: str) -> str | None:
    """The one thing in a short message that looks like a child's code, such as RSTA-DWYB-5."""
    found = [code for code in _CODE.findall(text) if _is_no_word(code)]
    return found[0] if len(found) == 1 and len(text.split()) <= MAX_PASTED_LENGTH else None


def _is_no_word(code: str) -> bool:
    """Neither "well-done" nor "2024-12"."""
    return code.isupper() or (any(map(str.isdigit, code)) and any(map(str.isalpha, code)))


def _names(*tables: Mapping[str, frozenset[str]]) -> dict[str, str]:
    return {word: name for table in tables for name, words in table.items() for word in words}


_GENE_NAMES = _names(GENE_SOURCES, TRAIT_WORDS)
_LOOK_NAMES = _names(LOOK_WORDS)
_CHINESE = re.compile(
    "|".join(sorted((word for word in (*_GENE_NAMES, *FILLERS) if is_chinese(word)), key=len, reverse=True)) + "|."
)
