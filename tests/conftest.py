"""Fixtures shared by several test folders."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from childface.weights import WeightPackage
    from tests.support.chats.fake_telegram import BotApi

pytest_plugins = ("tests.support.servers", "tests.support.databases")

_WEIGHTS = os.environ.get("CHILDFACE_WEIGHTS_DIR")
"""Remembered before the first test begins without it."""


@pytest.fixture(autouse=True)
def no_settings_of_yours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see neither the settings nor the tokens of whoever runs them."""
    for name in list(os.environ):
        if (name.startswith("CHILDFACE_") and name != "CHILDFACE_REQUIRE_SERVERS") or name.endswith("_TOKEN"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    """Telegram's server, or what looks like it."""
    from tests.support.chats.fake_telegram import BotApi

    server = BotApi()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """What this process tells of jobs; finished spans are there after `traces.flush()`."""
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from observability import traces

    kept = InMemorySpanExporter()
    traces.send_to("test", lambda: kept)
    yield kept
    traces.end()


@pytest.fixture(scope="session")
def weights_dir() -> Path:
    """The folder of fetched weights (`make setup`). A test that asks for it is skipped where they are not there."""
    from childface import weights
    from childface.settings import Settings

    folder = Path(_WEIGHTS) if _WEIGHTS else Settings(_env_file=None).weights_dir
    return _holding(folder, weights.GENERATOR, weights.FACES)


@pytest.fixture(scope="session")
def safety_dir(weights_dir: Path) -> Path:
    """The same folder, for tests that need the safety check's weights as well."""
    from childface import weights

    return _holding(weights_dir, weights.SAFETY)


@pytest.fixture(scope="session")
def safety_source(weights_dir: Path) -> Path:
    """The safety check's ONNX file as it is in its distribution."""
    from childface import weights

    return _originals(weights_dir, weights.SAFETY)


@pytest.fixture(scope="session")
def generator_source(weights_dir: Path) -> Path:
    """The generator's OpenVINO files as they are in their distribution (`make unit` fetches them)."""
    from childface import weights

    return _originals(weights_dir, weights.GENERATOR)


def _holding(folder: Path, *carriers: WeightPackage) -> Path:
    missing = [name for carrier in carriers for name in carrier.files if not (folder / name).is_file()]
    if missing:
        _not_here(f"no {missing[0]} in {folder}: childface weights fetch")
    return folder


def _originals(weights_dir: Path, package: WeightPackage) -> Path:
    folder = weights_dir / "originals"
    if not all((folder / member.name).is_file() for member in package.members):
        _not_here(f"no originals in {weights_dir}: childface weights fetch --originals")
    return folder


@pytest.fixture(scope="session")
def research_weights(weights_dir: Path) -> Path:
    """The folder with VGG16 in it (`make unit` fetches it)."""
    from childface import weights

    if not all((weights_dir / name).is_file() for name in weights.VGG.files):
        _not_here(f"no VGG16 in {weights_dir}: childface weights fetch --research")
    return weights_dir


def _not_here(reason: str) -> NoReturn:
    """Skip, or fail on a machine that should have everything."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
