"""Logging for every process of ours. A log outlives what people asked us to delete, so nothing of theirs gets in.

Three fences: libraries whose finer lines hold messages, addresses with the token or rows of tables are heard from a
coarse level on only, whatever level is set; of an exception the kind and the places are written, never its message,
which may quote what it was given; and what looks like a token is blotted out wherever it comes from.
"""

from __future__ import annotations

import copy
import logging
import re
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, TextIO
from urllib.parse import urlsplit

from bots.faults import frames_of

if TYPE_CHECKING:
    from childface.settings import Settings

LEAST: Mapping[str, int] = {
    "httpx": logging.WARNING,  # addresses, with the token inside
    "httpcore": logging.WARNING,
    "telegram": logging.INFO,  # at DEBUG whole updates
    "discord": logging.WARNING,  # at DEBUG whole payloads, and the token when it identifies itself
    "aiohttp": logging.WARNING,
    "sqlalchemy": logging.WARNING,  # rows
    "psycopg": logging.WARNING,
    "celery": logging.INFO,
    "kombu": logging.INFO,
    "amqp": logging.WARNING,
    "redis": logging.WARNING,
    "alembic": logging.WARNING,
    "asyncio": logging.WARNING,
    "PIL": logging.WARNING,
}
"""From which level on a library and its parts are heard."""

TOKEN = re.compile(r"\d{6,12}:[\w-]{12,}|[\w-]{20,}\.[\w-]{6}\.[\w-]{25,}")
"""Of Telegram, and of Discord."""

Fault = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class Discreet(logging.Formatter):
    """One line a record, without secrets."""

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        """`secrets` are blotted out wherever they stand, besides what looks like a token."""
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._secrets = [secret for secret in secrets if secret]

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        own = copy.copy(record)
        own.exc_text = None  # another handler's words about the exception, kept in the record for all
        line = super().format(own)
        for secret in self._secrets:
            line = line.replace(secret, "***")
        return TOKEN.sub("***", line)

    def formatException(self, ei: Fault) -> str:
        """Where it happened, and of what kind it was."""
        return "" if ei[1] is None else frames_of(ei[1])


def heard(record: logging.LogRecord) -> bool:
    """Whether a record may be written; false for what libraries say too finely."""
    return record.levelno >= LEAST.get(record.name.split(".")[0], logging.NOTSET)


def discreet_handler(secrets: Sequence[str] = (), stream: TextIO | None = None) -> logging.Handler:
    """Writes to stderr, or to another stream, what may be written."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Discreet(secrets))
    handler.addFilter(heard)
    return handler


def secrets_of(settings: Settings) -> list[str]:
    """Tokens, and passwords, alone and in addresses."""
    secrets = settings.telegram_token, settings.discord_token, settings.database_password, settings.broker_password
    tokens = [secret.get_secret_value() for secret in secrets if secret]
    return tokens + [word for url in (settings.database_url, settings.broker_url) if (word := urlsplit(url).password)]


def set_up_logging(settings: Settings, level: str | None = None) -> None:
    """Write to stderr from now on, in this process and in what it forks."""
    handler = discreet_handler(secrets_of(settings))
    logging.basicConfig(handlers=[handler], level=level or settings.log_level)
