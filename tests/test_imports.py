"""The direction of imports between the top-level packages, read from the source with `ast`."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

MAY_IMPORT = {
    "core": set(),
    "storage": set(),
    "observability": set(),
    "tasks": {"core", "storage", "observability"},
    "bots": {"storage", "observability"},
    "training": {"core"},
    "migrations": {"storage"},
    "childface": {"core", "storage", "observability", "tasks", "bots", "training", "migrations"},
}
"""The table of docs/architecture.md; every package may import itself."""

HEAVY = {"torch", "torchvision", "onnxruntime", "dlib", "safetensors"}
"""What a chat process must never load."""


def imports_of(path: Path) -> set[str]:
    """Top-level names of everything a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            found.add(node.module.split(".")[0])
    return found


def files_of(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_a_package_imports_only_what_the_table_allows(package: str) -> None:
    forbidden = set(MAY_IMPORT) - MAY_IMPORT[package] - {package}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files_of(package)
        for name in sorted(imports_of(path) & forbidden)
    ]
    assert wrong == []


@pytest.mark.parametrize("package", ["storage", "observability", "bots", "migrations"])
def test_a_package_that_chats_or_stores_never_loads_a_model(package: str) -> None:
    wrong = [str(path) for path in files_of(package) if imports_of(path) & HEAVY]
    assert wrong == []


def test_every_package_with_code_is_in_the_table() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert packages <= set(MAY_IMPORT)


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_no_package_uses_pickle(package: str) -> None:
    wrong = [str(path) for path in files_of(package) if imports_of(path) & {"pickle", "marshal", "shelve", "dill"}]
    assert wrong == []
