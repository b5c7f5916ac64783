"""The supported languages: language detection and catalogs.

The catalogues are gettext sources (`bots/i18n/catalogs/de.po`), kept up by `make texts`. They are compiled in memory
when a language is first spoken, which takes some milliseconds: there is no build step that could be forgotten.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LANGUAGES = ("en", "es", "pt", "ru", "de", "hi", "zh", "ar")
DEFAULT_LANGUAGE = "en"
RIGHT_TO_LEFT = frozenset({"ar"})
CATALOGS = Path(__file__).parent / "catalogs"


def language_of(code: str | None) -> str | None:
    """Which of our languages a code means, as services and systems write it: de, pt-BR, zh_Hant_TW, ru_RU.UTF-8."""
    language = re.split(r"[-_.@]", code or "", maxsplit=1)[0].lower()
    return language if language in LANGUAGES else None


def language_of_environment(environment: Mapping[str, str]) -> str | None:
    """Which of our languages a terminal is set to; the variables in the order in which gettext looks at them."""
    wished = environment.get("LANGUAGE", "").split(":")
    wished += [environment.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG")]
    first = next((code for code in wished if code), None)
    return language_of(first)


def own_name(language: str) -> str:
    """What its speakers call it: Deutsch, Español, हिन्दी."""
    name = Locale.parse(language).get_display_name(language)
    assert name is not None
    return name[:1].upper() + name[1:]


@cache
def catalogue(language: str) -> NullTranslations:
    """The translations into one of `LANGUAGES`. English is what they translate from, so it has none."""
    if language == DEFAULT_LANGUAGE:
        return NullTranslations()
    compiled = io.BytesIO()
    with (CATALOGS / f"{language}.po").open("rb") as source:
        write_mo(compiled, read_po(source, locale=language))
    compiled.seek(0)
    return GNUTranslations(compiled)
