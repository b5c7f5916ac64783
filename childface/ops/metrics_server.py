"""Serves metrics of a bot or worker if the settings name a port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Literal

from childface.cli.output import EXIT_MISSING, CliError
from observability import serving, traces

if TYPE_CHECKING:
    from childface.settings import Settings


def require_ports(settings: Settings, *, webhook: bool) -> None:
    """Refusal when a port that will be listened on is taken, before models are loaded. `webhook`: its port, too."""
    if settings.metrics_port:
        with _refusing(settings):
            serving.require_free(settings.metrics_host, settings.metrics_port)
    if webhook and settings.webhook_url:
        where = f"{settings.webhook_host}:{settings.webhook_port}"
        try:
            serving.require_free(settings.webhook_host, settings.webhook_port)
        except OSError as error:
            raise CliError(
                f"updates cannot be received on {where} ({error.strerror or error}); another CHILDFACE_WEBHOOK_PORT?",
                EXIT_MISSING,
            ) from error


@contextmanager
def sharing(settings: Settings) -> Iterator[None]:
    """Around a worker, before anything that counts is imported. Refusal when the port cannot be had."""
    if not settings.metrics_port:
        yield
        return
    with _refusing(settings):
        serving.require_free(settings.metrics_host, settings.metrics_port)
    with serving.share_numbers():
        yield


@contextmanager
def watched(settings: Settings, role: Literal["bot", "worker"]) -> Iterator[None]:
    """Answer /metrics while the block lasts. Refusal when the port cannot be had."""
    if not settings.metrics_port:
        yield
        return
    from childface.ops.metrics import Samples

    with ExitStack() as stack:
        with _refusing(settings):
            stack.enter_context(serving.served(settings.metrics_host, settings.metrics_port, [Samples(settings, role)]))
        yield


@contextmanager
def traced(settings: Settings, role: Literal["bot", "worker"]) -> Iterator[None]:
    """Send traces while the block lasts, if the settings say where to. Refusal without the extra `traces`."""
    if not settings.traces_endpoint:
        yield
        return
    try:
        traces.send_to(f"childface-{role}", traces.collector(settings.traces_endpoint))
    except ImportError as error:
        raise CliError("CHILDFACE_TRACES_ENDPOINT needs: pip install 'childface[traces]'", EXIT_MISSING) from error
    try:
        yield
    finally:
        traces.end()


@contextmanager
def _refusing(settings: Settings) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = f"{settings.metrics_host}:{settings.metrics_port}"
        raise CliError(
            f"/metrics cannot be served on {where} ({error.strerror or error}); another CHILDFACE_METRICS_PORT?",
            EXIT_MISSING,
        ) from error
