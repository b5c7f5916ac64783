"""A short code that reproduces a child exactly, given the same parents: `T5N8-4KQ2`.

Everything a wish says but the picture's size is packed into one number, written with 31 digits and capital letters
(none of I, L, O, U, Z) with a check character in front, in groups of four. What was left alone takes no room, so most
codes are short. The check is ISBN-10's with the prime 31: a mistyped character or two that changed places are noticed.
"""

from __future__ import annotations

from core.domain.child_spec import AGE_STEP, LOOK_STEP, LOOKS, MAX_SEED, MIX_STEP, OLDEST, ChildSpec
from core.domain.errors import SettingError
from core.domain.genes import SOURCES, TRAITS

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXY"
BASE = len(ALPHABET)  # 31, a prime
FORM = 0
"""Of the packing: a code of another form is refused, never misread."""

FIRST_CHECK = 17
"""Added to every check, so that a row of zeros is no code."""

MAX_LENGTH = 60
_LIKE = str.maketrans("OILZ", "0112", "- ")
_AGES, _MIXES, _LOOK_VALUES = round(OLDEST / AGE_STEP) + 1, round(100 / MIX_STEP) + 1, 2 * round(1 / LOOK_STEP) + 1


class _Packer:
    """Numbers of known ranges into one, and out again in the same order."""

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self._weight = 1

    def put(self, value: int, choices: int) -> None:
        assert 0 <= value < choices
        self.number += value * self._weight
        self._weight *= choices

    def put_rest(self, value: int) -> None:
        self.number += value * self._weight

    def take(self, choices: int) -> int:
        self.number, value = divmod(self.number, choices)
        return value


def code_of(spec: ChildSpec, sex: str) -> str:
    """The code of a child drawn from this wish; `sex` is what the child became: girl or boy."""
    packed = _Packer()
    packed.put(FORM, 4)
    packed.put(int(sex == "boy"), 2)
    packed.put(round(spec.age / AGE_STEP), _AGES)
    packed.put(int(spec.mix != 50), 2)
    packed.put(int(bool(spec.genes)), 2)
    packed.put(int(bool(spec.looks)), 2)
    if spec.mix != 50:
        packed.put(round(spec.mix / MIX_STEP), _MIXES)
    if spec.genes:
        for trait in TRAITS:
            packed.put(1 + SOURCES.index(spec.genes[trait]) if trait in spec.genes else 0, 4)
    if spec.looks:
        for look in LOOKS:
            packed.put(int(look in spec.looks), 2)
            if look in spec.looks:
                packed.put(round((spec.looks[look] + 1) / LOOK_STEP), _LOOK_VALUES)
    packed.put_rest(spec.seed)
    letters = _to_letters(packed.number)
    letters = _check(letters) + letters
    return "-".join(letters[i : i + 4] for i in range(0, len(letters), 4))


def wish_of_code(code: str, *, size: int = 1024) -> ChildSpec:
    """The wish that a code stands for. Small letters, blanks and letters that look alike are read kindly.

    Raises SettingError for anything that is not a code: one mistyped character is always noticed.
    """
    letters = code.upper().translate(_LIKE)
    if not 2 <= len(letters) <= MAX_LENGTH or any(letter not in ALPHABET for letter in letters):
        raise _not_a_code(code)
    packed = _Packer(_to_number(letters[1:]))
    if _check(letters[1:]) != letters[0] or packed.take(4) != FORM:
        raise _not_a_code(code)
    sex, age = packed.take(2), packed.take(_AGES) * AGE_STEP
    has_mix, has_genes, has_looks = packed.take(2), packed.take(2), packed.take(2)
    mix = packed.take(_MIXES) * MIX_STEP if has_mix else 50.0
    told = {trait: packed.take(4) for trait in TRAITS} if has_genes else {}
    genes = {trait: SOURCES[source - 1] for trait, source in told.items() if source}
    looks = {}
    for look in LOOKS if has_looks else ():
        if packed.take(2):
            looks[look] = packed.take(_LOOK_VALUES) * LOOK_STEP - 1
    if packed.number > MAX_SEED or not 0 <= mix <= 100:
        raise _not_a_code(code)
    return ChildSpec(
        age=age, sex="boy" if sex else "girl", mix=mix, seed=packed.number, size=size, genes=genes, looks=looks
    )


def _to_letters(number: int) -> str:
    letters = ""
    while number or not letters:
        number, digit = divmod(number, BASE)
        letters = ALPHABET[digit] + letters
    return letters


def _to_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * BASE + ALPHABET.index(letter)
    return number


def _check(letters: str) -> str:
    """Every place has a weight of its own that the prime does not divide."""
    total = sum((1 + i % (BASE - 1)) * ALPHABET.index(letter) for i, letter in enumerate(letters))
    return ALPHABET[(FIRST_CHECK + total) % BASE]


def _not_a_code(code: str) -> SettingError:
    return SettingError(name="code", value=code, allowed="the code of a child, as it stands with its picture")
