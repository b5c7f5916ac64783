"""The catalogues: each has exactly the texts there are, all translated, with the same placeholders."""

from __future__ import annotations

import io
import re
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from bots.i18n.catalog_tool import brought_up_to_date, has_words, missing_in, template, update
from bots.i18n.languages import CATALOGS, LANGUAGES
from bots.i18n.messages import EN, EN_PLURAL, render

TRANSLATED = tuple(language for language in LANGUAGES if language != "en")
SAME_AS_ENGLISH = {
    ("es", "no"), ("de", "console_bot"), ("es", "console_bot"), ("pt", "console_bot"),
}  # fmt: skip
"""Texts that are the same words in both languages."""
LIMITS = {"command_": 100, "option_": 100, "menu_": 32}
"""Characters that Discord allows; Telegram allows more."""
TOASTS = ("stale_button", "not_your_button", "still_drawing", "already_drawn", "no_older", "no_more_mom")
CLAIMS = {
    "en": "predict|future|will look|would look|forecast|your real|genetic test",
    "es": "predic|futuro|pronóstic|se verá|genétic",
    "pt": "prev[eê]|futuro|será assim|genétic",
    "ru": "предсказ|будущ|прогноз|генетич",
    "de": "vorhersag|zukunft|prognos|wird aussehen|genetisch",
    "hi": "भविष्य|अनुमान|आनुवंशिक",
    "zh": "预测|未来|将来|基因检测",
    "ar": "تنبؤ|نتنبأ|المستقبل|توقع|وراثي",
}
"""Words with which a sentence would foretell."""


@cache
def source(language: str) -> Catalog:
    with (CATALOGS / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def messages(language: str) -> dict[str, Message]:
    return {str(message.context): message for message in source(language) if message.id}


def forms(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string or ())


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"{([a-z_]*)}", text))


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_catalogue_has_exactly_the_texts_there_are(language: str) -> None:
    """When this fails: make texts."""
    wanted = {str(message.context): message.id for message in template() if message.id}
    found = {key: message.id for key, message in messages(language).items()}
    assert sorted(found.keys() ^ wanted.keys()) == []
    assert [key for key in wanted if tuple(found[key]) != tuple(wanted[key])] == []
    assert not source(language).obsolete


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_translation_is_missing(language: str) -> None:
    assert missing_in((CATALOGS / f"{language}.po").read_bytes(), language) == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_translations_have_the_placeholders_of_the_english_text(language: str) -> None:
    """Of a plural, a form for one or two may say the number in words."""
    wrong = []
    for key, message in messages(language).items():
        if isinstance(message.id, str):
            wanted = placeholders(message.id)
            wrong += [key for text in forms(message) if placeholders(text) != wanted]
        else:
            wanted = placeholders(message.id[1])
            wrong += [key for text in forms(message) if not placeholders(text) <= wanted]
            wrong += [key] if placeholders(forms(message)[-1]) != wanted else []
    assert wrong == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_nothing_was_left_in_english(language: str) -> None:
    left = []
    for key, message in messages(language).items():
        english = [message.id] if isinstance(message.id, str) else list(message.id)
        if has_words(english[0]) and set(forms(message)) & set(english):
            left.append((language, key))
    assert set(left) <= SAME_AS_ENGLISH


@pytest.mark.parametrize("language", TRANSLATED)
def test_commands_stand_in_translations_as_in_english(language: str) -> None:
    commands = re.compile(r"(?<![\w/])/[a-z_]+")
    for key, message in messages(language).items():
        english = message.id if isinstance(message.id, str) else message.id[1]
        for text in forms(message):
            assert set(commands.findall(text)) == set(commands.findall(english)), key


@pytest.mark.parametrize("language", TRANSLATED)
def test_line_breaks_and_spaces_at_the_ends_stay(language: str) -> None:
    for key, message in messages(language).items():
        if isinstance(message.id, str) and isinstance(message.string, str):
            assert message.string.count("\n") == message.id.count("\n"), key
            assert message.string == message.string.strip(), key


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_catalogue_is_written_in_its_own_script(language: str) -> None:
    scripts = {"ru": "[а-яё]", "hi": "[ऀ-ॿ]", "zh": "[一-鿿]", "ar": "[ء-ي]"}
    letters = re.compile(scripts.get(language, "[a-zßäöüáéíóúñãõâêôç]"), re.IGNORECASE)
    for key, message in messages(language).items():
        if has_words("".join(forms(message))):
            assert all(letters.search(text) for text in forms(message)), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_language_claims_to_foretell(language: str) -> None:
    claims = re.compile(CLAIMS[language], re.IGNORECASE)
    texts = EN if language == "en" else {key: " ".join(forms(one)) for key, one in messages(language).items()}
    assert [key for key, text in texts.items() if claims.search(text)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_fit_where_services_count_characters(language: str) -> None:
    for key in EN:
        for beginning, limit in LIMITS.items():
            if key.startswith(beginning):
                assert len(render(key, {}, language)) <= limit, key
    for key in TOASTS:
        assert len(render(key, {}, language)) <= 200, key


# Keeping them up


def test_updating_changes_nothing_when_everything_is_up_to_date() -> None:
    for language in TRANSLATED:
        written = (CATALOGS / f"{language}.po").read_bytes()
        assert brought_up_to_date(written, language) == written


def test_a_new_language_gets_all_texts_without_translations() -> None:
    written = brought_up_to_date(b"", "fr")
    assert len(missing_in(written, "fr")) == len([text for text in EN.values() if has_words(text)]) + len(EN_PLURAL)


def test_a_text_whose_english_changed_keeps_its_translation_but_counts_as_missing() -> None:
    written = (CATALOGS / "de.po").read_bytes()
    older = written.replace(b'msgid "Nothing was deleted."', b'msgid "Nothing was removed."')
    assert older != written
    renewed = brought_up_to_date(older, "de")
    assert missing_in(renewed, "de") == ["kept"]
    found = {str(one.context): one for one in read_po(io.BytesIO(renewed), locale="de") if one.id}
    assert found["kept"].string == render("kept", {}, "de")


def test_a_text_that_is_gone_leaves_the_catalogue() -> None:
    written = (CATALOGS / "de.po").read_bytes()
    older = written + b'\nmsgctxt "gone"\nmsgid "Gone"\nmsgstr "Weg"\n'
    assert brought_up_to_date(older, "de") == written


def test_make_texts_writes_every_catalogue_and_says_what_is_missing(tmp_path: Path) -> None:
    told = update(tmp_path)
    assert len(told) == len(TRANSLATED) and all("missing" in line for line in told)
