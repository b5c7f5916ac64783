from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError
from pydantic_settings import SettingsError

from childface.settings import Settings, settings_page, unknown_settings, variable

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)


def test_the_defaults_need_no_server(tmp_path: Path) -> None:
    settings = Settings()

    assert settings.embedded
    assert settings.database_url == f"sqlite:///{tmp_path}/.local/share/childface/childface.sqlite3"
    assert settings.weights_dir == tmp_path / ".cache/childface"
    assert (settings.blob_folder.name, settings.key_path.name) == ("blobs", "key")


def test_the_environment_sets_fields_and_tokens_stay_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHILDFACE_TTL_PHOTO", "3600")
    monkeypatch.setenv("CHILDFACE_BROKER_URL", "redis://localhost")
    monkeypatch.setenv("TELEGRAM_TOKEN", "123:very-secret")

    settings = Settings()

    assert settings.ttl_photo == timedelta(hours=1)
    assert not settings.embedded
    assert "very-secret" not in repr(settings)
    assert settings.telegram_token is not None and settings.telegram_token.get_secret_value() == "123:very-secret"


def test_a_file_named_env_is_read_where_the_program_starts(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CHILDFACE_DATA_DIR=/somewhere\nTELEGRAM_TOKEN=1:a\nOTHER=x\n")

    assert Settings().data_dir == Path("/somewhere")


@pytest.mark.parametrize(
    "wrong",
    [{"soft_limit": 300.0, "hard_limit": 300.0}, {"visibility_timeout": 10}, {"threads": 0}, {"max_attempts": 0}],
)
def test_settings_that_contradict_each_other_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)


def test_a_refused_value_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHILDFACE_MAX_ATTEMPTS", "my-password")

    with pytest.raises(ValidationError) as refusal:
        Settings()

    assert "my-password" not in str(refusal.value)


def test_the_page_of_settings_is_up_to_date() -> None:
    assert (DOCS / "settings.md").read_text() == settings_page(), "python -m childface.settings > docs/settings.md"


def test_every_setting_has_a_variable_and_a_sentence() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert variable(name) in ("TELEGRAM_TOKEN", "DISCORD_TOKEN") or variable(name).startswith("CHILDFACE_")


def test_a_certificate_without_its_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="belong together"):
        Settings(_env_file=None, c2pa_certificate=Path("chain.pem"))


def test_each_secret_can_stand_in_a_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "telegram_token").write_text("123:very-secret\n")
    (tmp_path / "childface_database_url").write_text("postgresql+psycopg://me:pass@db/childface\n")
    (tmp_path / "childface_key_file").write_text("/key/key\n")
    monkeypatch.setenv("CHILDFACE_SECRETS_DIR", str(tmp_path))

    settings = Settings()

    assert settings.telegram_token is not None and settings.telegram_token.get_secret_value() == "123:very-secret"
    assert settings.database_url == "postgresql+psycopg://me:pass@db/childface"
    assert settings.key_path == Path("/key/key")


def test_files_as_systemd_and_kubernetes_lay_them_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # `LoadCredential=childface:/folder` puts the name in front; Kubernetes makes every file a link to a dated folder.
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026" / "childface_telegram_token").write_text("123:very-secret")
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "childface_telegram_token").symlink_to("..data/childface_telegram_token")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    token = Settings().telegram_token

    assert token is not None and token.get_secret_value() == "123:very-secret"


def test_the_environment_goes_before_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "childface_broker_url").write_text("redis://from-file")
    monkeypatch.setenv("CHILDFACE_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("CHILDFACE_BROKER_URL", "redis://from-environment")

    assert Settings().broker_url == "redis://from-environment"


def test_a_folder_of_secrets_that_is_not_there_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHILDFACE_SECRETS_DIR", str(tmp_path / "nowhere"))

    with pytest.raises(SettingsError, match="nowhere"):
        Settings()


@pytest.mark.parametrize(
    ("url", "completed"),
    [
        ("redis://redis:6379/0", "redis://:a%2F%3A%40b@redis:6379/0"),
        ("rediss://worker@redis/1", "rediss://worker:a%2F%3A%40b@redis/1"),
        ("redis://:own@redis", "redis://:own@redis"),
        ("memory://", "memory://"),
    ],
)
def test_a_password_apart_is_put_into_an_address_that_has_none(url: str, completed: str) -> None:
    settings = Settings(broker_url=url, broker_password=SecretStr("a/:@b"))

    assert settings.broker_url == completed


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("redis://:secret@host/0", "redis://:***@host/0"),
        ("postgresql://anna:se/c:r://et@host/a", "postgresql://anna:***@host/a"),
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("redis://host/a b:c@d", "redis://host/a b:c@d"),
        ("a://b:c@d a://e:f@g", "a://b:***@d a://e:***@g"),
        ("://:" * 500_000, "://:" * 500_000),
    ],
    ids=["password", "odd-password", "port", "blank", "two", "long"],
)
def test_no_address_is_shown_with_its_password(address: str, shown: str) -> None:
    """The last one has no `@`; reading it took quadratic time, hours."""
    assert f"broker_url={shown!r}" in repr(Settings(broker_url="memory:").model_copy(update={"broker_url": address}))


def test_the_password_of_the_database_may_stand_apart_too() -> None:
    url = "postgresql+psycopg://childface@postgres:5432/childface"

    assert Settings(database_url=url, database_password=SecretStr("p w")).database_url == (
        "postgresql+psycopg://childface:p%20w@postgres:5432/childface"
    )
    assert Settings(database_url=url, database_password=SecretStr("")).database_url == url
    assert Settings(database_password=SecretStr("idle")).database_url.startswith("sqlite:///")


@pytest.mark.parametrize(
    "typed",
    [
        '"123:abc"',
        "'123:abc'",
        "  123:abc\n",
        "\ufeff123:abc",
        "\u201c123:abc\u201d",
        "\u00a0`123:abc`\u200b",
        '" 123:abc "',
    ],
)
@pytest.mark.parametrize("name", ["TELEGRAM_TOKEN", "DISCORD_TOKEN"])
def test_what_stands_around_a_copied_token_is_taken_off(monkeypatch: pytest.MonkeyPatch, name: str, typed: str) -> None:
    monkeypatch.setenv(name, typed)

    token = getattr(Settings(), name.lower())

    assert token.get_secret_value() == "123:abc"


def test_files_with_a_byte_order_mark_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("TELEGRAM_TOKEN=1:a\n", encoding="utf-8-sig")
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "discord_token").write_text("a.b.c", encoding="utf-8-sig")
    (folder / "childface_broker_password").write_text('"quoted"', encoding="utf-8-sig")
    monkeypatch.setenv("CHILDFACE_SECRETS_DIR", str(folder))

    settings = Settings()

    assert settings.telegram_token is not None and settings.telegram_token.get_secret_value() == "1:a"
    assert settings.discord_token is not None and settings.discord_token.get_secret_value() == "a.b.c"
    assert settings.broker_password is not None and settings.broker_password.get_secret_value() == '"quoted"'


def test_variables_that_set_nothing_are_found_wherever_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("CHILDFACE_REFINE_SECOND=3\nCHILDFACE_DATA_DIR=/a\nOTHER=x\n")
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "childface_database_pasword").write_text("x")
    (folder / "telegram_token").write_text("1:a")
    monkeypatch.setenv("CHILDFACE_SECRETS_DIR", str(folder))
    monkeypatch.setenv("CHILDFACE_COMPLETELY_MADE_UP", "1")
    monkeypatch.setenv("CHILDFACE_TELEGRAM_TOKEN", "1:a")
    monkeypatch.setenv("CHILDFACE_VERSION", "1")

    assert unknown_settings() == {
        "CHILDFACE_COMPLETELY_MADE_UP": None,
        "CHILDFACE_DATABASE_PASWORD": "CHILDFACE_DATABASE_PASSWORD",
        "CHILDFACE_REFINE_SECOND": "CHILDFACE_REFINE_SECONDS",
    }


def test_a_required_fence_and_photos_opened_without_one_contradict_each_other() -> None:
    with pytest.raises(ValidationError, match="require_fence"):
        Settings(_env_file=None, require_fence=True, photo_processes=0)
