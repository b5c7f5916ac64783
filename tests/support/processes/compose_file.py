"""Reads docker-compose.yml as Docker would, as far as the tests need it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[3]
FILE = ROOT / "docker-compose.yml"

Service = dict[str, Any]


def read_yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def composition() -> dict[str, Any]:
    """The whole file, anchors and merges resolved."""
    found: dict[str, Any] = read_yaml(FILE)
    return found


def services() -> dict[str, Service]:
    found: dict[str, Service] = composition()["services"]
    return found


def ours() -> dict[str, Service]:
    """The ones that run our own images."""
    return {name: service for name, service in services().items() if "build" in service}


def command_of(service: Service) -> list[str]:
    """What is run, as Docker would run it: `$$` is one dollar."""
    return [str(word).replace("$$", "$") for word in service["command"]]


def health_of(service: Service) -> list[str]:
    """The command of the health check."""
    kind, *words = service["healthcheck"]["test"]
    assert kind == "CMD"
    return [str(word).replace("$$", "$") for word in words]


def seconds(duration: str) -> float:
    """`320s`, `1m30s`."""
    parts = re.findall(r"(\d+)(h|m|s)", duration)
    assert "".join(number + unit for number, unit in parts) == duration
    return float(sum(int(number) * {"h": 3600, "m": 60, "s": 1}[unit] for number, unit in parts))
