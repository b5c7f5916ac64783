"""Syncs the catalogs with the English texts: `make texts`, or `python -m bots.i18n.catalog_tool`.

New texts appear without a translation. A text whose English changed keeps its translation, marked as fuzzy: until
somebody has looked at it, English is said. Texts that are gone leave the catalogue. A language that is new in
`languages.LANGUAGES` gets a catalogue of its own.
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po

from bots.i18n.languages import CATALOGS, DEFAULT_LANGUAGE, LANGUAGES
from bots.i18n.messages import EN, EN_PLURAL

HEADER = """\
# {language} texts of ChildFace.
# The context (msgctxt) is the key of the text in bots/i18n/messages.py; what stands in {{braces}} must stay as it is.
#"""


def template() -> Catalog:
    """All texts, without translations."""
    texts = Catalog(charset="utf-8")
    for key, english in EN.items():
        texts.add(english, context=key)
    for key, forms in EN_PLURAL.items():
        texts.add(forms, context=key)
    return texts


def brought_up_to_date(source: bytes, language: str) -> bytes:
    """A catalogue (empty: a new one) with exactly the texts there are."""
    catalogue = read_po(io.BytesIO(source), locale=language, charset="utf-8")
    older = {message.context: message for message in catalogue if message.id}
    wanted = template()
    catalogue.update(wanted, no_fuzzy_matching=True, update_creation_date=False)
    for message in catalogue:
        before = older.get(message.context)
        if before is not None and before.id != message.id:
            _keep_as_fuzzy(message, before)
        if isinstance(message.id, str) and not has_words(message.id):
            message.string = message.string or message.id
    _head(catalogue)
    written = io.BytesIO()
    write_po(written, catalogue, width=120, ignore_obsolete=True)
    return written.getvalue()


def _head(catalogue: Catalog) -> None:
    """The header of the file, the same on every machine."""
    assert catalogue.locale is not None
    catalogue.fuzzy = False
    catalogue.header_comment = HEADER.format(language=catalogue.locale.english_name)
    catalogue.project, catalogue.version = "ChildFace", "1"
    catalogue.msgid_bugs_address = catalogue.last_translator = catalogue.language_team = "-"
    catalogue.revision_date = catalogue.creation_date


def _keep_as_fuzzy(message: Message, before: Message) -> None:
    """Take over what the text was translated by before its English changed."""
    if message.pluralizable == before.pluralizable and _is_complete(before):
        message.string = before.string
        message.flags.add("fuzzy")


def has_words(text: str) -> bool:
    """Whether there is anything to translate besides placeholders, numbers and signs."""
    return any(letter.isalpha() for letter in re.sub(r"{[a-z_]*}", "", text))


def update(folder: Path = CATALOGS) -> list[str]:
    """Update all catalogues of a folder; for each one a line that says how much of it is translated."""
    told = []
    for language in LANGUAGES:
        if language == DEFAULT_LANGUAGE:
            continue
        path = folder / f"{language}.po"
        path.write_bytes(brought_up_to_date(path.read_bytes() if path.exists() else b"", language))
        missing = missing_in(path.read_bytes(), language)
        told.append(f"{language}: {len(EN) + len(EN_PLURAL) - len(missing)} translated, missing: {missing or 'none'}")
    return told


def missing_in(source: bytes, language: str) -> list[str]:
    """Keys that a catalogue does not translate, or only vaguely."""
    catalogue = read_po(io.BytesIO(source), locale=language)
    return [
        str(message.context) for message in catalogue if message.id and (message.fuzzy or not _is_complete(message))
    ]


def _is_complete(message: Message) -> bool:
    forms = message.string if isinstance(message.string, tuple | list) else (message.string,)
    return all(forms)


if __name__ == "__main__":
    sys.stdout.write("\n".join(update()) + "\n")
