"""Wires everything together: builds storage, queue, workers and bots from the settings."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from childface.cli.options import facts_of_code
from childface.cli.output import EXIT_MISSING, CliError
from childface.photo_preview import preview_opener
from childface.settings import Settings
from storage import migrate
from storage.blobs import DiskBlobs
from storage.database import Database, open_database
from storage.encryption.keys import KeyFile, load_keys, load_or_create_key
from storage.errors import KeyUnreadable, disk_faults
from storage.unit_of_work import Store
from tasks.config import TaskConfig
from tasks.queue import CeleryQueue
from tasks.workers.resources import drawn_together

if TYPE_CHECKING:
    from bots.adapters.runner import Bot
    from bots.service.conversation_service import ConversationService
    from bots.telegram.webhook import Webhook
    from bots.terminal.bot import ConsoleChat
    from core.pipeline_protocol import Pipeline
    from tasks.context import TaskContext
    from tasks.workers.per_process import PerProcess

log = logging.getLogger(__name__)

DEMO_USER = "demo"

LoadPipeline = Callable[[Settings], "Pipeline"]


def open_store(settings: Settings, main: int | None = None) -> Store:
    """Storage on the database and blob folder of the settings; makes the key on the very first start.

    `main`: the process that is to be stopped, in order, when the key cannot be read any more.
    Raises `KeyLost`, `KeyExposed`, `WrongKey`, `StorageUnavailable`.
    """
    database = open_database(settings.database_url)
    with disk_faults("make the key", settings.key_path.parent):
        load_or_create_key(settings.key_path, lambda: _holds_encrypted(settings, database))
    return Store(database, open_blobs(settings, main))


def _holds_encrypted(settings: Settings, database: Database) -> bool:
    """Whether there is anything that only the key opens."""
    blobs = DiskBlobs(settings.blob_folder, [secrets.token_bytes(32)])
    if next(blobs.keys(), None) is not None:
        return True
    if migrate.current(settings.database_url) != migrate.newest():
        return False  # a first start; bots and workers ask for the latest schema before they open this
    with Store(database, blobs).read_only() as unit:
        return not unit.sealed.is_empty()


def open_store_to_look(settings: Settings) -> Store:
    """Storage for counting rows: needs no key, creates nothing, and cannot read images."""
    return Store(open_database(settings.database_url), DiskBlobs(settings.blob_folder, [secrets.token_bytes(32)]))


def open_blobs(settings: Settings, main: int | None = None) -> DiskBlobs:
    """The encrypted files; key changes are picked up at run time. `main` as for `open_store`."""

    def stop(fault: KeyUnreadable) -> None:
        log.critical("the key file %s cannot be read any more; this program stops", fault.path)
        if main is not None:
            os.kill(main, signal.SIGTERM)

    with disk_faults("read the key", settings.key_path):
        return DiskBlobs(settings.blob_folder, KeyFile(settings.key_path, stop))


def require_readable_key(settings: Settings) -> None:
    """Refusal unless the key can be read: a service that was stopped for that must not end as if all were well."""
    with disk_faults("read the key", settings.key_path):
        load_keys(settings.key_path)


def task_config(settings: Settings) -> TaskConfig:
    """The task configuration."""
    return TaskConfig(
        broker_url=settings.broker_url,
        # The in-memory broker is one for the whole process; a prefix of its own keeps two set-ups apart.
        queue_prefix=f"{uuid.uuid4().hex[:8]}." if settings.embedded else "",
        refine=settings.refine,
        refine_seconds=settings.refine_seconds,
        youngest_parent=settings.youngest_parent,
        drawings=settings.drawings,
        corner_mark=settings.corner_mark,
        ttl_latent=settings.ttl_latent,
        ttl_result=settings.ttl_result,
        soft_limit=settings.soft_limit,
        hard_limit=settings.hard_limit,
        visibility_timeout=settings.visibility_timeout,
        tasks_per_child=settings.tasks_per_child,
        memory_per_child=settings.memory_per_child,
        together=settings.together or drawn_together(),
        max_attempts=settings.max_attempts,
    )


def open_queue(config: TaskConfig) -> CeleryQueue:
    """A queue that sends tasks by name: no torch."""
    from tasks.broker import create_celery

    return CeleryQueue(create_celery(config), config.queue_prefix)


def task_context(
    settings: Settings, config: TaskConfig, load_pipeline: LoadPipeline, store: Store | None = None
) -> PerProcess[TaskContext]:
    """What tasks work with, opened once in each process that runs one; the models wait for the first task.

    Without a `store` each process opens its own: connections do not survive a fork.
    """
    from tasks.context import TaskContext
    from tasks.workers.per_process import PerProcess

    pipeline = PerProcess(lambda: load_pipeline(settings))
    main = os.getpid()
    return PerProcess(
        lambda: TaskContext(
            store or open_store(settings, main), pipeline, open_queue(config), config, sign=signature(settings)
        )
    )


def signature(settings: Settings) -> Callable[[bytes], bytes] | None:
    """What adds Content Credentials to a JPEG, if the settings name a certificate. Raises CredentialsFault."""
    if settings.c2pa_certificate is None or settings.c2pa_key is None:
        return None
    from core.output.c2pa import Credentials

    credentials = Credentials(settings.c2pa_certificate, settings.c2pa_key)
    credentials.check()
    return credentials.sign


def require_tables(settings: Settings) -> None:
    """Refusal unless the database has the latest schema."""
    now, wanted = migrate.current(settings.database_url), migrate.newest()
    if now != wanted:
        raise CliError(f"the database has tables of {now}, needed {wanted}; run: childface db upgrade", EXIT_MISSING)


@dataclass(frozen=True)
class AppContext:
    """What an adapter needs."""

    settings: Settings
    store: Store
    queue: CeleryQueue
    warm_up: Callable[[], Any]
    """Loads the models where they run in this process, so that the first chat does not wait for it."""


@contextmanager
def open_house(settings: Settings, load_pipeline: LoadPipeline) -> Iterator[AppContext]:
    """Storage with all tables and a queue; on the embedded default also the workers, while the block lasts."""
    if settings.embedded:
        migrate.upgrade(settings.database_url)
    require_tables(settings)  # a deployment's database is migrated by hand, at a moment of its owner's choice
    store = open_store(settings, os.getpid())
    config = task_config(settings)
    try:
        if settings.embedded:
            from tasks.workers.embedded import EmbeddedWorkers

            opened = task_context(settings, config, load_pipeline, store)
            with EmbeddedWorkers(config, opened):
                yield AppContext(settings, store, open_queue(config), lambda: opened().pipeline())
        else:
            yield AppContext(settings, store, open_queue(config), lambda: None)
    finally:
        store.database.close()


def open_dialogue(app: AppContext) -> ConversationService:
    """The conversation, with the settings' defaults for people who chose nothing."""
    from bots.conversation.turn import Preferences, RetentionPolicy
    from bots.service.conversation_service import ConversationService, Defaults, Rules
    from bots.service.quotas import Quotas

    settings = app.settings
    hours, days = timedelta(hours=1), timedelta(days=1)
    defaults = Defaults(
        preferences=Preferences(refine=settings.refine),
        retention=RetentionPolicy(
            photo_hours=settings.ttl_photo / hours,
            latent_days=settings.ttl_latent / days,
            result_days=settings.ttl_result / days,
        ),
        quotas=Quotas(
            user_hour=settings.quota_user_hour,
            user_day=settings.quota_user_day,
            chat_hour=settings.quota_chat_hour,
            chat_day=settings.quota_chat_day,
            photos_hour=settings.quota_photos_hour,
            messages_minute=settings.quota_messages_minute,
        ),
        rules=Rules(settings.admins, settings.allowed, settings.blocked),
    )
    opener = preview_opener(settings)
    return ConversationService(app.store, app.queue, defaults, read_code=facts_of_code, open_photo=opener)


TOKENS = {
    "telegram": "TELEGRAM_TOKEN is not set; @BotFather on Telegram gives you one",
    "discord": "DISCORD_TOKEN is not set; https://discord.com/developers/applications gives you one, under Bot",
}


def token_of(settings: Settings, service: str) -> str:
    """The token of a chat service, empty where none is set."""
    token = settings.telegram_token if service == "telegram" else settings.discord_token
    return token.get_secret_value() if token else ""


def services(settings: Settings, platform: str) -> list[str]:
    """Where to listen; `all`: wherever a token is set. Refusal without a token; ask before anything is opened."""
    wanted = list(TOKENS) if platform == "all" else [platform]
    ready = [service for service in wanted if token_of(settings, service)]
    if not ready:
        raise CliError("; or: ".join(TOKENS[service] for service in wanted))
    return ready


def chat_bots(app: AppContext, wanted: Sequence[str]) -> list[Bot]:
    """The adapters of these services, with one conversation between them."""
    dialogue = open_dialogue(app)
    return [CHAT_BOTS[service](app, dialogue) for service in wanted]


def _telegram_bot(app: AppContext, service: ConversationService) -> Bot:
    from bots.telegram.bot import TelegramBot, TelegramOptions

    options = TelegramOptions(api_root=app.settings.telegram_api_root.rstrip("/"), webhook=_webhook(app.settings))
    return TelegramBot(token_of(app.settings, "telegram"), service, options)


def _webhook(settings: Settings) -> Webhook | None:
    """Where Telegram brings updates to, if the settings name an address."""
    if not settings.webhook_url:
        return None
    from bots.telegram.webhook import Webhook

    webhook = Webhook(
        settings.webhook_url,
        host=settings.webhook_host,
        port=settings.webhook_port,
        rate=settings.webhook_rate,
        behind_proxy=settings.webhook_behind_proxy,
    )
    secret = settings.webhook_secret
    return replace(webhook, secret=secret.get_secret_value()) if secret else webhook


def _discord_bot(app: AppContext, service: ConversationService) -> Bot:
    from bots.discord.bot import DiscordBot

    return DiscordBot(token_of(app.settings, "discord"), service)


CHAT_BOTS = {"telegram": _telegram_bot, "discord": _discord_bot}


def console_chat(app: AppContext, user: str = "local", *, agreed: bool = False) -> ConsoleChat:
    """The terminal adapter. `agreed`: the question before the first photo was answered on the command line."""
    from bots.i18n.languages import language_of_environment
    from bots.terminal.bot import ConsoleChat

    language = language_of_environment(os.environ)
    folder = app.settings.pictures_dir
    return ConsoleChat(open_dialogue(app), folder=folder, user=user, language=language, agreed=agreed)


def demo_chat(app: AppContext) -> ConsoleChat:
    """A terminal for a first-time user: data of earlier demonstrations is deleted."""
    from bots.terminal.bot import PLATFORM
    from storage.deletion import delete_user

    with app.store.read_only() as unit:
        before = unit.users.find(PLATFORM, DEMO_USER)
    if before is not None:
        delete_user(app.store, before.id)
    return console_chat(app, DEMO_USER, agreed=True)  # the example parents were drawn, nobody need be asked
