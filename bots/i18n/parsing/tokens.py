"""Cuts a message into words, numbers and signs, and folds away what people leave out on a phone."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

SEPARATOR = ","
"""Stands for any punctuation between two wishes."""

EMOJI = {
    **dict.fromkeys("😂🤣😆😹", "laugh"),
    **dict.fromkeys("❤🙏💕💖🤗", "thanks"),
    **dict.fromkeys("😍🥰", "praise"),
    **dict.fromkeys("👧👱", "girl"),
    **dict.fromkeys("👦", "boy"),
    **dict.fromkeys("👓🤓", "glasses"),
}
"""Signs that say something by themselves. A smiling face is only a tone of voice."""

LAUGHTER = re.compile(
    r"(?:[ha]*(?:ha){2,}[ha]*|[ja]*(?:ja){2,}[ja]*|(?:he){2,}h?|(?:je){2,}|(?:hi){2,}|(?:ji){2,}|k{3,}|(?:rs){2,}|x+d+|"
    r"lo+l+|lmf?ao+|а?(?:[ха]*(?:ха|ах){2,}[ха]*)|(?:хи){2,}|(?:хе){2,}|ه{3,}|哈{2,}|嘿{2,}|呵{2,}|h{3,}|"
    r"(?:हा){2,}ह?|(?:ही){2,}|5{3,})"
)

_PIECE = re.compile(
    r"\d+:\d+|(?:(?<![\w.,])[-−])?\d+(?:[.,٫]\d+)?|%|٪|&|[\u4e00-\u9fff]+|[^\W\d_]+(?:['’`ʼ][^\W\d_]+)*|\S"
)
_REPEATED = re.compile(r"(.)\1{2,}")
_ALIKE = str.maketrans(
    {"ى": "ي", "ة": "ه", "ـ": "", "ß": "ss", "ё": "е", "ँ": "ं", "़": None, "\u200c": None, "\u200d": None}
)


def pieces(text: str) -> Iterator[str]:
    """Words in lower case, numbers, `%`, signs from EMOJI, and SEPARATOR for punctuation; other signs are dropped.

    >>> list(pieces("Boy, 12yo 🎉"))
    ['boy', ',', '12', 'yo']
    """
    lowered = (
        unicodedata.normalize("NFC", text).lower().translate({0x200C: None, 0x200D: None, 0xFE0F: None, 0x5F: " "})
    )
    # Marks are no word characters to `re`: private letters stand for them meanwhile.
    for piece in _PIECE.findall("".join(_as_letter(letter) for letter in lowered)):
        word = "".join(_as_mark(letter) for letter in piece)
        if word[-1].isdigit() or word[0].isalnum() or word in ("%", "&") or word in EMOJI:
            yield _without_apostrophe(word)
        elif word == "٪":
            yield "%"
        elif (unicodedata.category(word[0])[0] == "P" and word not in "/-–—@#*'\"`’“”«»()[]…") or word in "\n":
            yield SEPARATOR


def _as_letter(letter: str) -> str:
    """A combining mark as a letter of the supplementary private planes' stand-in, so that words hold together."""
    return chr(0x20000 + ord(letter)) if unicodedata.category(letter)[0] == "M" else letter


def _as_mark(letter: str) -> str:
    return chr(ord(letter) - 0x20000) if 0x20000 <= ord(letter) < 0x2A000 else letter


def _without_apostrophe(word: str) -> str:
    """ "mom's" as "mom", "don't" as "dont"."""
    return re.sub(r"['’`ʼ]", "", re.sub(r"['’`ʼ]s$", "", word))


def fold(word: str) -> str:
    """The word without accents, and with one sign for letters that are often mistaken for each other."""
    if word.isascii():
        return word
    if any("\u0900" <= letter <= "\u097f" for letter in word):
        return unicodedata.normalize("NFD", word).translate(_ALIKE)
    plain = unicodedata.normalize("NFKD", word)
    kept = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return kept.translate(_ALIKE)


def shortened(word: str) -> tuple[str, ...]:
    """The word, and without its drawn-out letters: "boyyyy" as "boyy" and "boy"."""
    if not _REPEATED.search(word):
        return (word,)
    return word, _REPEATED.sub(r"\1\1", word), _REPEATED.sub(r"\1", word)
