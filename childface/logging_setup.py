"""Logging for every process. Logs outlive deleted data, so no personal data may enter them.

Four fences: libraries whose finer lines hold messages, addresses with the token or rows of tables are heard from a
coarse level on only, whatever level is set; of the fields that a line carries only those in `observability.logs.FIELDS`
are written; of an exception the kind and the places are written, never its message, which may quote what it was given;
and what looks like a token is blotted out wherever it comes from.

One pipe for everybody: our own lines and those of libraries are given time, level, logger and the job they are about,
and then become a line for people or a JSON object for machines.
"""

from __future__ import annotations

import copy
import logging
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO
from urllib.parse import urlsplit

import structlog
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name
from structlog.typing import EventDict, Processor

from observability.error_summary import frames_of
from observability.logs import FIELDS

if TYPE_CHECKING:
    from childface.settings import Settings

LEAST: Mapping[str, int] = {
    "httpx": logging.WARNING,  # addresses, with the token inside
    "httpcore": logging.WARNING,
    "telegram": logging.INFO,  # at DEBUG whole updates
    "discord": logging.ERROR,  # addresses with numbers of channels; at DEBUG whole payloads, and our token
    "discord.gateway": logging.WARNING,
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
    "multiprocessing": logging.WARNING,  # that of Celery's pool
}
"""The minimum log level of each library."""

QUOTING: Mapping[str, int] = {
    "telegram": logging.ERROR,  # whole messages: "Received data was …"
    "aiohttp": logging.NOTSET,  # addresses: "Error handling request from …"
}
"""Libraries whose lines, from this level on, are written without what they quote."""

TOKEN = re.compile(r"\d{6,12}:[\w-]{12,}|(?<![\w-])[\w-]{20,}\.[\w-]{6}\.[\w-]{25,}")
"""Of Telegram, and of Discord."""


class RedactingFormatter(ProcessorFormatter):
    """One line a record (an exception's places follow it, in text), without secrets."""

    def __init__(self, secrets: Sequence[str] = (), *, as_json: bool = False, colours: bool = False) -> None:
        """`secrets` are redacted everywhere, as is anything that looks like a token."""
        self._secrets = [secret for secret in secrets if secret]
        renderer: Processor = structlog.processors.JSONRenderer(ensure_ascii=False)
        if not as_json:
            renderer = structlog.dev.ConsoleRenderer(colors=colours, pad_event_to=0)
        super().__init__(
            processors=[*CHAIN, ProcessorFormatter.remove_processors_meta, renderer],
            use_get_message=True,
        )

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = super().format(_unquoted(record))
        for secret in self._secrets:
            line = line.replace(secret, "***")
        return TOKEN.sub("***", line)


def _unquoted(record: logging.LogRecord) -> logging.LogRecord:
    """The same without what it quotes, where its library quotes what it could not read."""
    least = QUOTING.get(record.name.split(".")[0])
    if least is None or record.levelno < least:
        return record
    record = copy.copy(record)
    record.args = None
    return record


def _add_time(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """When it was said, in UTC."""
    moment = datetime.fromtimestamp(event["_record"].created, UTC)
    return {"timestamp": f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z", **event}


def _add_job(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Celery's own lines about a task say its number, which begins with that of the job (`tasks.queue`)."""
    data = getattr(event["_record"], "data", None)
    if "job" not in event and isinstance(data, dict) and "id" in data:
        event["job"] = str(data["id"]).partition(".")[0]
    return event


def _tell_places(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """The type and location of an exception instead of its message."""
    fault = event.pop("exc_info", None)
    error = fault[1] if isinstance(fault, tuple) else fault
    event.pop("stack_info", None)
    where = event.pop("where", None)
    if isinstance(error, BaseException):
        event.setdefault("fault", type(error).__name__)
        where = frames_of(error)
    if where:
        event["exception"] = where
    return event


CHAIN: Sequence[Processor] = (
    structlog.contextvars.merge_contextvars,
    _add_time,
    add_log_level,
    add_logger_name,
    ExtraAdder(allow=FIELDS),
    _add_job,
    _tell_places,
)


def heard(record: logging.LogRecord) -> bool:
    """Whether a record may be written; false for what libraries say too finely."""
    least = LEAST.get(record.name, LEAST.get(record.name.split(".")[0], logging.NOTSET))
    return record.levelno >= least


def discreet_handler(
    secrets: Sequence[str] = (), stream: TextIO | None = None, *, as_json: bool = False
) -> logging.Handler:
    """Writes redacted lines to stderr or another stream; in color on a terminal."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(RedactingFormatter(secrets, as_json=as_json, colours=stream.isatty()))
    handler.addFilter(heard)
    return handler


def secrets_of(settings: Settings) -> list[str]:
    """Tokens, and passwords, alone and in addresses."""
    passwords = settings.database_password, settings.broker_password
    secrets = settings.telegram_token, settings.discord_token, settings.webhook_secret, *passwords
    tokens = [secret.get_secret_value() for secret in secrets if secret]
    return tokens + [word for url in (settings.database_url, settings.broker_url) if (word := urlsplit(url).password)]


def set_up_logging(settings: Settings, level: str | None = None) -> None:
    """Write to stderr from now on, in this process and in what it forks."""
    handler = discreet_handler(secrets_of(settings), as_json=settings.log_format == "json")
    logging.basicConfig(handlers=[handler], level=level or settings.log_level)


def keep_celery_from_logging() -> None:
    """Celery would attach its own handlers to some loggers, bypassing the redaction above."""
    from celery.signals import setup_logging

    setup_logging.connect(_leave_it_to_us, weak=False)


def _leave_it_to_us(**_: Any) -> None:
    """That somebody listens to its question is enough for Celery; its pool keeps its lines to itself unless told."""
    from billiard.util import get_logger

    get_logger().propagate = True
