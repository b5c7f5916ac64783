"""`childface chat | bot | worker`: long-running processes."""

from __future__ import annotations

import logging
import shlex
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from childface.cli.context import Environment
from childface.cli.output import EXIT_MISSING, EXIT_OUR_FAULT, CliError, note, say
from childface.logging_setup import keep_celery_from_logging, set_up_logging

if TYPE_CHECKING:
    from bots.adapters.runner import Bot
    from childface.bootstrap import AppContext
    from childface.settings import Settings

Platform = Literal["telegram", "discord", "all"]

log = logging.getLogger(__name__)

TOKEN_HELP = {
    "telegram": "@BotFather shows the right TELEGRAM_TOKEN",
    "discord": "the page of your application shows the right DISCORD_TOKEN, under Bot",
}

MAX_LOADING = 30.0
"""Seconds; five on an idle machine."""

EXAMPLES = Path(__file__).parents[2] / "examples"
"""Two drawn parents, in a checkout of the repository."""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog="Example: childface chat --demo")(chat)
    app.command(epilog="Example: TELEGRAM_TOKEN=... childface bot telegram")(bot)
    app.command(epilog="Example: childface worker --queues encode,draw --concurrency 2")(worker)


def chat(
    ctx: typer.Context,
    demo: Annotated[bool, typer.Option("--demo", help="Play a conversation with two drawn parents.")] = False,
    better: Annotated[bool, typer.Option("--better", help="In the demo, wait for the refined picture too.")] = False,
    agree: Annotated[
        bool, typer.Option("--agree", help="I am 18 or older and the people in the photos agreed: do not ask.")
    ] = False,
) -> None:
    """Talk with the bot in this terminal: the whole conversation, without any chat service."""
    import asyncio

    from bots.terminal.bot import NothingHappens
    from childface.bootstrap import console_chat, demo_chat, open_house

    environment: Environment = ctx.obj
    settings = environment.read_settings()
    lines = _demo_lines() if demo else []
    if demo and not better:
        settings = settings.model_copy(update={"refine": False})
    set_up_logging(settings, "WARNING")
    if settings.embedded:
        _require_weights(settings)
        _require_fence(settings)
    with open_house(settings, environment.load_pipeline) as house, _warming_up(house):
        if not demo:
            asyncio.run(console_chat(house, agreed=agree).interact())
            return
        try:
            pictures = asyncio.run(demo_chat(house).play(lines, wait_for_better=better))
        except NothingHappens as error:
            raise CliError("no worker took the job; is one running? childface doctor", EXIT_OUR_FAULT) from error
    if not pictures:
        raise CliError("no picture was drawn; the lines above say why", EXIT_OUR_FAULT)
    for picture in pictures:
        say(str(picture))


def _demo_lines() -> list[str]:
    """What somebody says who shows two photos and then asks to see the child grown up."""
    parents = [EXAMPLES / f"{who}.jpg" for who in ("mom", "dad")]
    for path in parents:
        if not path.is_file():
            raise CliError(f"{path}: no such file; the demo needs a checkout of the repository")
    return [shlex.quote(str(path)) for path in parents] + ["/age 16"]


def bot(
    ctx: typer.Context,
    platform: Annotated[Platform, typer.Argument(help="Where to listen; `all`: wherever a token is set.")],
    webhook: Annotated[
        bool | None,
        typer.Option("--webhook/--no-webhook", help="Let Telegram bring updates instead of fetching them."),
    ] = None,
) -> None:
    """Start a chat bot. On the embedded default everything runs in this one process."""
    import asyncio

    from bots.adapters.runner import CannotListen, TokenRefused, run_bots
    from childface import bootstrap
    from childface.bootstrap import chat_bots, open_house, services
    from childface.ops.heartbeat import BEAT_EVERY, Heartbeat
    from childface.ops.metrics_server import require_ports, traced, watched

    environment: Environment = ctx.obj
    settings = environment.read_settings()
    if webhook and not settings.webhook_url:
        raise CliError("--webhook needs the public address of this bot in CHILDFACE_WEBHOOK_URL")
    if webhook is False:
        settings = settings.model_copy(update={"webhook_url": ""})
    heartbeat = Heartbeat(settings.heartbeat_file)
    wanted = services(settings, platform)
    set_up_logging(settings)
    require_ports(settings, webhook="telegram" in wanted)
    if settings.embedded:
        _require_weights(settings)
        _require_fence(settings)
    with traced(settings, "bot"), open_house(settings, environment.load_pipeline) as house, _warming_up(house):

        async def listen() -> None:
            names = dict(zip(bots := chat_bots(house, wanted), wanted, strict=True))

            def say_so(bot: Bot) -> None:
                note(f"The bot is running ({names[bot]}); Ctrl-C ends it.")

            await run_bots(bots, heartbeat, BEAT_EVERY, say_so)

        try:
            with watched(settings, "bot"):
                asyncio.run(listen())
        except TokenRefused as error:
            raise CliError(f"{error}: {TOKEN_HELP[error.service.lower()]}") from error
        except CannotListen as error:
            raise CliError(str(error), EXIT_MISSING) from error
        finally:
            heartbeat.stop()
        bootstrap.require_readable_key(settings)


def worker(
    ctx: typer.Context,
    queues: Annotated[str, typer.Option(help="Which queues to serve, with commas between.")] = "encode,draw,refine",
    concurrency: Annotated[
        int | None,
        typer.Option(
            min=1, help="Processes; each loads the models.", show_default="one for each GPU, else for two cores"
        ),
    ] = None,
) -> None:
    """Start a Celery worker for a deployment with a broker."""
    from childface import bootstrap
    from childface.ops.metrics_server import sharing, traced
    from tasks.queue import QUEUES
    from tasks.workers.resources import processes, threads_each

    environment: Environment = ctx.obj
    settings = environment.read_settings()
    wanted = [queue.strip() for queue in queues.split(",") if queue.strip()]
    if not wanted or set(wanted) - set(QUEUES):
        raise CliError(f"--queues is {queues!r}; allowed: {', '.join(QUEUES)}")
    if settings.embedded:
        raise CliError("a worker of its own needs a broker: set CHILDFACE_BROKER_URL, for example redis://localhost")
    _require_weights(settings)
    _require_fence(settings)
    bootstrap.require_tables(settings)
    set_up_logging(settings)
    keep_celery_from_logging()
    concurrency = concurrency or processes()
    settings = settings.model_copy(update={"threads": settings.threads or threads_each(concurrency)})
    with sharing(settings), traced(settings, "worker"):
        code = _serve_queues(settings, environment, wanted, concurrency)
    if code:
        raise typer.Exit(code)
    bootstrap.require_readable_key(settings)


def _serve_queues(settings: Settings, environment: Environment, queues: list[str], concurrency: int) -> int:
    """Until a signal comes. What counts is imported here, when it is settled where to."""
    from childface import bootstrap
    from childface.ops.heartbeat import BEAT_EVERY, Heartbeat
    from childface.ops.metrics_server import watched
    from tasks.workers.heartbeat import pulse
    from tasks.workers.worker import run_worker

    config = bootstrap.task_config(settings)
    workshop = bootstrap.task_context(settings, config, environment.load_pipeline)
    heartbeat = Heartbeat(settings.heartbeat_file)
    with ExitStack() as stack:
        stack.callback(heartbeat.stop)
        return run_worker(
            config,
            workshop,
            queues=queues,
            concurrency=concurrency,
            loglevel=settings.log_level,
            pulse=pulse(heartbeat, BEAT_EVERY),
            on_ready=lambda: stack.enter_context(watched(settings, "worker")),
        )


def _require_weights(settings: Settings) -> None:
    """A quick look; the models check their files themselves when they load."""
    from childface import weights

    unused = (weights.SAFETY,) if settings.nsfw_limit >= 1 else ()
    for carrier in set(weights.CARRIERS).difference(unused):
        for name in carrier.files:
            if not (settings.weights_dir / name).is_file():
                raise CliError(
                    f"{name} is missing in {settings.weights_dir}; run: childface weights fetch", EXIT_MISSING
                )


def _require_fence(settings: Settings) -> None:
    """Refusal where strangers' photos may only be opened behind a filter that this machine does not have."""
    if not settings.require_fence:
        return
    from core.photo.sandbox_client import NoFilter, PhotoProcesses, require_filter

    processes = PhotoProcesses(1)
    try:
        require_filter(processes.fences())
    except NoFilter as error:
        raise CliError(f"{error} (CHILDFACE_REQUIRE_FENCE); childface doctor shows what is missing") from error
    finally:
        processes.close()


@contextmanager
def _warming_up(app: AppContext) -> Iterator[None]:
    """Load the models while the first people still look for their photos.

    Waits at the end for what is still being loaded: libraries in C++ abort the process when it ends under their hands.
    """

    def load() -> None:
        try:
            app.warm_up()
        except Exception:
            log.exception("the models could not be loaded; jobs will say so")

    thread = threading.Thread(target=load, name="warm-up", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(MAX_LOADING)
