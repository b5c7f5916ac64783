"""Every setting of the program in one typed object.

Built once in `main()` and handed down: nothing is read when a module is imported. Each field can be set by
an environment variable (`CHILDFACE_` and the field's name in capitals), in a file named `.env`, or by a file of its
own in a folder of secrets.
docs/settings.md is written by `python -m childface.settings`; a test keeps it true.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import AliasChoices, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

PREFIX = "CHILDFACE_"

SECRETS_FOLDERS = ("CREDENTIALS_DIRECTORY", f"{PREFIX}SECRETS_DIR")
"""Variables that name a folder with one file a setting; systemd sets the first one. The last one wins."""

NOT_SETTINGS = frozenset({*SECRETS_FOLDERS, f"{PREFIX}VERSION", f"{PREFIX}REQUIRE_SERVERS"})
"""Variables with our prefix that are no fields: docker-compose.yml and the tests read the last two."""

ENV_FILE = ".env"

AROUND_TOKENS = "\ufeff\u200b\u2060\"'`\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb"
"""What editors, shells and chats put around a copied token and no token contains: byte order mark, invisible spaces,
quotation marks."""


def _seconds(value: object) -> object:
    """Environment variables are text; a bare number means seconds."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


Duration = Annotated[timedelta, BeforeValidator(_seconds)]


def _places(value: object) -> object:
    """`telegram:123, discord:456` as a set."""
    if not isinstance(value, str):
        return value
    names = [name.strip() for name in value.split(",") if name.strip()]
    for name in names:
        if not re.fullmatch(r"(telegram|discord|console):-?\w+", name):
            raise ValueError(f"{name!r} is not of the form telegram:123")
    return frozenset(names)


def _bare(value: object) -> object:
    """A token without blanks, quotation marks and byte order marks around it."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not isinstance(text, str):
        return value
    while text != (text := text.strip().strip(AROUND_TOKENS)):
        pass
    return text


Token = Annotated[SecretStr, BeforeValidator(_bare)]


def _without_bom(value: object) -> object:
    """A password may hold any character, but a byte order mark in front comes from the editor that saved the file."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    return text.removeprefix("\ufeff") if isinstance(text, str) else value


Password = Annotated[SecretStr, BeforeValidator(_without_bom)]
Places = Annotated[frozenset[str], NoDecode, BeforeValidator(_places)]


def _secrets_folders() -> list[Path]:
    """Where files with settings lie. A folder that was named and is not there would leave out a password silently."""
    folders = [Path(named) for name in SECRETS_FOLDERS if (named := os.environ.get(name))]
    for folder in folders:
        if not folder.is_dir():
            raise SettingsError(f"{folder} is to hold secrets, but is no folder")
    return folders


def _with_password(url: str, password: SecretStr | None) -> str:
    """The address with the password in it, unless it has one or names no server."""
    parts = urlsplit(url)
    if password is None or not password.get_secret_value() or not parts.netloc or parts.password is not None:
        return url
    user, _, host = parts.netloc.rpartition("@")
    secret = quote(password.get_secret_value(), safe="")
    return url.replace(f"//{parts.netloc}", f"//{user}:{secret}@{host}", 1)


def _home(variable: str, fallback: str) -> Path:
    """A folder of the user's, by the XDG convention."""
    return Path(os.environ.get(variable) or Path.home() / fallback) / "childface"


class Settings(BaseSettings):
    """What can be set. The defaults need no server: SQLite, an in-memory broker, files in the home folder."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=ENV_FILE,
        env_file_encoding="utf-8-sig",  # with or without a byte order mark
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    data_dir: Path = Field(
        default_factory=lambda: _home("XDG_DATA_HOME", ".local/share"),
        description="Database, encrypted pictures and their key, unless the settings below say otherwise.",
    )
    weights_dir: Path = Field(
        default_factory=lambda: _home("XDG_CACHE_HOME", ".cache"),
        description="Weights fetched by `childface weights fetch`.",
    )
    database_url: str = Field(
        "",
        description="SQLAlchemy address, `postgresql+psycopg://...`. Empty: `childface.sqlite3` in data_dir.",
    )
    broker_url: str = Field(
        "memory://",
        description="Celery broker such as `redis://...`. `memory://`: a worker thread in the same process.",
    )
    database_password: Password | None = Field(
        None, description="Put into database_url where that has none, so that the address itself is no secret."
    )
    broker_password: Password | None = Field(None, description="The same for broker_url.")
    blobs_dir: Path | None = Field(None, description="Folder of the encrypted pictures. Empty: `blobs` in data_dir.")
    key_file: Path | None = Field(
        None,
        description="File of the key that encrypts pictures, made with mode 600. Empty: `key` in data_dir.",
    )
    pictures_dir: Path = Field(
        Path("out"), description="Where `childface chat` saves the pictures it was answered with."
    )
    ttl_photo: Duration = Field(
        timedelta(hours=24),
        description="Longest life of a photo without a latent. (Others go as soon as the latent exists.)",
    )
    ttl_latent: Duration = Field(timedelta(days=30), description="Life of a latent.")
    ttl_result: Duration = Field(timedelta(days=7), description="Life of a finished picture.")
    refine: bool = Field(
        True, description="Send a better picture after the first one, unless the user chose otherwise."
    )
    refine_seconds: float = Field(12.0, gt=0, description="Longest refinement of one parent.")
    threads: int | None = Field(
        None,
        ge=1,
        description="Threads of one model. Empty: as many as there are cores; a worker's processes share them.",
    )
    engine: Literal["auto", "torch", "compiled", "openvino"] = Field(
        "auto",
        description="What draws. `auto`: the one that `childface doctor --bench` found best, else the likeliest.",
    )
    nsfw_limit: float = Field(
        0.8,
        ge=0,
        le=1,
        description="Photos that score above this (0..1, open_nsfw) are refused and deleted. `1`: no check.",
    )
    photo_limit: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Faces that score above this (0..1) are taken for drawings, statues or dolls. `1`: no check.",
    )
    drawings: bool = Field(
        True,
        description="Whether a drawing, statue or doll may be a parent if its sender presses “Use it all the same”.",
    )
    youngest_parent: float = Field(
        18.0,
        ge=0,
        le=60,
        description="Who looks clearly younger cannot be a parent; who may be younger is asked about. `0`: nobody is.",
    )
    require_fence: bool = Field(
        False,
        description="Refuse to open photos where the confined processes cannot have their seccomp filter.",
    )
    photo_processes: int = Field(
        2,
        ge=0,
        description="Confined processes in which a process with models opens photos, at most. "
        "`0`: photos are opened without any fence (see security.md).",
    )
    corner_mark: bool = Field(
        True,
        description='Draw a small, half transparent "AI" into the corner of every picture: the one mark that survives '
        "a chat service which recompresses it.",
    )
    c2pa_certificate: Path | None = Field(
        None, description="Certificate (PEM, with its chain) that signs pictures with Content Credentials."
    )
    c2pa_key: Path | None = Field(None, description="Its private key (PEM). Both need the extra `c2pa`.")
    quota_user_hour: int = Field(
        30, ge=0, description="Drawings of one person in an hour. `0`: no limit, here and below."
    )
    quota_user_day: int = Field(100, ge=0, description="Drawings of one person in a day.")
    quota_chat_hour: int = Field(90, ge=0, description="Drawings in one chat in an hour, whoever asks.")
    quota_chat_day: int = Field(400, ge=0, description="Drawings in one chat in a day.")
    quota_photos_hour: int = Field(40, ge=0, description="Photos of one person that are looked at in an hour.")
    quota_messages_minute: int = Field(
        60,
        ge=0,
        description="Commands, words and buttons of one person in a minute that each bot process answers.",
    )
    soft_limit: float = Field(240.0, gt=0, description="Seconds after which a task is asked to stop.")
    hard_limit: float = Field(300.0, gt=0, description="Seconds after which a worker's child is killed.")
    visibility_timeout: int = Field(
        3600,
        gt=0,
        description="Seconds after which Redis hands a lost worker's task to another. At least twice hard_limit.",
    )
    tasks_per_child: int = Field(
        200, ge=0, description="Jobs after which a worker's process makes room for a fresh one. `0`: never."
    )
    memory_per_child: int = Field(
        3000,
        ge=0,
        description="Megabytes; a worker's process that took more makes room after its job. `0`: no limit.",
    )
    together: int | None = Field(
        None, ge=1, description="Drawings that one worker process makes at once. Empty: 8 with a GPU, else 1."
    )
    max_attempts: int = Field(5, ge=1, description="How often a job is tried when something passing fails.")
    admins: Places = Field(
        frozenset(), description="Who may use /admin: `telegram:123,discord:456`, the services' own numbers of people."
    )
    allowed: Places = Field(
        frozenset(), description="Who may use the bot, people or chats, in the same form. Empty: everybody."
    )
    blocked: Places = Field(frozenset(), description="Who may not, people or chats, in the same form.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="How much `childface bot` and `worker` write to stderr; nothing personal at any level."
    )
    traces_endpoint: str = Field(
        "",
        description="Where OpenTelemetry traces of jobs go, OTLP over HTTP: `http://collector:4318/v1/traces`. Empty: "
        "nowhere. Needs the extra `traces`.",
    )
    heartbeat_file: Path | None = Field(
        None,
        description="File that `bot`, `worker` and `db purge --every` touch every few seconds, for `childface health`.",
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="Log lines for people, or one JSON object a line for whoever collects them."
    )
    metrics_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="Where `bot` and `worker` answer `/metrics`, each on its own port. `0`: nowhere.",
    )
    metrics_host: str = Field(
        "127.0.0.1", description="The address they answer on. Numbers are not secret, but nobody else's business."
    )
    telegram_token: Token | None = Field(
        None,
        validation_alias=AliasChoices("TELEGRAM_TOKEN", f"{PREFIX}TELEGRAM_TOKEN"),
        description="From @BotFather. Needed by `childface bot telegram`.",
    )
    telegram_api_root: str = Field(
        "https://api.telegram.org", description="Another Bot API server, for example one of your own."
    )
    webhook_url: str = Field(
        "",
        description="Public address where Telegram brings updates to, such as `https://bot.example.org/telegram`. "
        "Empty: they are fetched. See security.md.",
    )
    webhook_secret: Token | None = Field(
        None,
        description="What Telegram says with each update, 16 to 256 of `A-Za-z0-9_-`. Empty: a fresh one each start.",
    )
    webhook_host: str = Field("127.0.0.1", description="The address on which the bot waits for updates.")
    webhook_port: int = Field(8443, ge=0, le=65535, description="The port.")
    webhook_rate: float = Field(
        100.0, gt=0, description="Updates a second that are let in; Telegram brings the others again."
    )
    webhook_behind_proxy: bool = Field(
        False, description="Whether a proxy in front says in X-Forwarded-For who asked. Without one anybody could."
    )
    discord_token: Token | None = Field(
        None,
        validation_alias=AliasChoices("DISCORD_TOKEN", f"{PREFIX}DISCORD_TOKEN"),
        description="From your application's page, under Bot. Needed by `childface bot discord`.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is said first wins: arguments, environment, `.env`, files of secrets. Raises SettingsError."""
        files = SecretsSettingsSource(settings_cls, secrets_dir=_secrets_folders())
        return init_settings, env_settings, dotenv_settings, files

    @model_validator(mode="after")
    def _fill_in(self) -> Self:
        """Derive what follows from data_dir, and refuse limits that contradict each other."""
        self.data_dir = self.data_dir.expanduser()
        self.weights_dir = self.weights_dir.expanduser()
        self.blobs_dir = self.blobs_dir or self.data_dir / "blobs"
        self.key_file = self.key_file or self.data_dir / "key"
        self.database_url = self.database_url or f"sqlite:///{self.data_dir / 'childface.sqlite3'}"
        self.database_url = _with_password(self.database_url, self.database_password)
        self.broker_url = _with_password(self.broker_url, self.broker_password)
        if (self.c2pa_certificate is None) != (self.c2pa_key is None):
            raise ValueError("c2pa_certificate and c2pa_key belong together")
        secret = self.webhook_secret.get_secret_value() if self.webhook_secret else None
        if secret is not None and not re.fullmatch(r"[A-Za-z0-9_-]{16,256}", secret):
            raise ValueError("webhook_secret must be 16 to 256 characters of A-Z, a-z, 0-9, _ and -")
        # A Bot API server of one's own takes http, too.
        plain = "api.telegram.org" not in self.telegram_api_root and self.webhook_url.startswith("http://")
        if self.webhook_url and not plain and not self.webhook_url.startswith("https://"):
            raise ValueError("webhook_url must begin with https://")
        if self.require_fence and self.photo_processes == 0:
            raise ValueError("require_fence needs photo_processes above 0")
        if self.soft_limit >= self.hard_limit:
            raise ValueError("soft_limit must be below hard_limit")
        if self.visibility_timeout < 2 * self.hard_limit:
            # Redis would hand the task to a second worker while the first one is still at it.
            raise ValueError("visibility_timeout must be at least twice hard_limit")
        return self

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """What `repr` and `str` show: of addresses everything but the password in them."""
        for name, value in super().__repr_args__():
            yield name, _without_password(value) if isinstance(value, str) else value

    @property
    def embedded(self) -> bool:
        """Whether tasks run on a thread of this process."""
        return self.broker_url.startswith("memory:")

    @property
    def blob_folder(self) -> Path:
        """`blobs_dir`, filled in."""
        assert self.blobs_dir is not None
        return self.blobs_dir

    @property
    def key_path(self) -> Path:
        """`key_file`, filled in."""
        assert self.key_file is not None
        return self.key_file


def _without_password(text: str) -> str:
    """`redis://:secret@host` → `redis://:***@host`, in time linear in the length."""
    *before, last = text.split("@")
    return "@".join([*map(_without_ending_password, before), last])


def _without_ending_password(text: str) -> str:
    """The same for what precedes an `@`: only its last word can be part of an address with a password."""
    *before, word = re.split(r"(\s)", text)
    user = re.search(r"(?<=://)[^/:]*:", word)
    return "".join([*before, word if user is None else word[: user.end()] + "***"])


def variable(name: str) -> str:
    """The environment variable that sets a field."""
    alias = Settings.model_fields[name].validation_alias
    if isinstance(alias, AliasChoices):
        return str(alias.choices[0])
    return PREFIX + name.upper()


def unknown_settings() -> dict[str, str | None]:
    """Variables with our prefix in the environment, `.env` and the folders of secrets that set nothing, each with the
    setting that was probably meant. Raises SettingsError."""
    known = {name.upper() for field in Settings.model_fields for name in _names_of(field)} | NOT_SETTINGS
    files = [path.name for folder in _secrets_folders() for path in folder.iterdir()]
    found = {name.upper() for name in (*os.environ, *DotEnvSettingsSource(Settings).env_vars, *files)}
    unknown = sorted(name for name in found - known if name.startswith(PREFIX))
    return {name: next(iter(get_close_matches(name, known - NOT_SETTINGS, 1, 0.8)), None) for name in unknown}


def _names_of(field: str) -> list[str]:
    alias = Settings.model_fields[field].validation_alias
    return [str(name) for name in alias.choices] if isinstance(alias, AliasChoices) else [PREFIX + field]


def settings_page() -> str:
    """docs/settings.md: one row for each field."""
    rows = [
        "# Settings",
        "",
        "Written by `python -m childface.settings > docs/settings.md`. Set them in the environment or in a",
        "file named `.env` where the program starts. Durations are seconds or ISO 8601 (`P30D`).",
        "",
        f"Or one file each, for passwords and tokens: `{SECRETS_FOLDERS[-1]}` names a folder where a file such as",
        "`telegram_token` or `childface_database_password` (the variable's name, small) holds the value. systemd's",
        "`LoadCredential=` works the same way. What stands in the environment or in `.env` goes before.",
        "",
        "| variable | default | what it does |",
        "|---|---|---|",
    ]
    homes = {"data_dir": "~/.local/share/childface", "weights_dir": "~/.cache/childface"}
    for name, field in Settings.model_fields.items():
        default = homes.get(name, field.default)
        if isinstance(default, timedelta):
            default = f"{default.total_seconds():.0f} s"
        shown = "" if default in (None, "", frozenset()) else f"`{default}`"
        rows.append(f"| `{variable(name)}` | {shown} | {field.description} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(settings_page())
