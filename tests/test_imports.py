"""Import rules between packages, and the size of folders, read from the source with `ast`."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
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
"""The table of docs/architecture.md; every package may import itself, and `core.domain`."""

SHARED = "core.domain"
"""What a child, its genes and its code are. Loads no model library, so that chat processes can import it."""

HEAVY = {"torch", "torchvision", "onnxruntime", "dlib", "safetensors", "openvino"}
"""What a chat process must never load."""

ADAPTERS = ("bots.adapters", "bots.telegram", "bots.discord", "bots.terminal")
HANDLERS = "bots.conversation.handlers"

MAX_MODULES = 15
"""Modules in one folder, `__init__.py` not counted."""

GENERATED = {"migrations/versions"}
"""One file for each change of the tables, for ever."""


def modules_of(path: Path) -> set[str]:
    """Dotted names of everything a file imports, wherever in the file; `from a import b` counts as `a` and `a.b`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def imports_of(path: Path) -> set[str]:
    """Top-level names of everything a file imports, `core.domain` left out."""
    return {name.split(".")[0] for name in modules_of(path) if not is_within(name, SHARED) and name != "core"}


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


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


@pytest.mark.parametrize("package", ["storage", "observability", "bots", "migrations", "core/domain"])
def test_a_package_that_chats_or_stores_never_loads_a_model(package: str) -> None:
    wrong = [str(path) for path in files_of(package) if imports_of(path) & HEAVY]
    assert wrong == []


def test_the_shared_package_imports_nothing_of_ours_but_itself() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files_of("core/domain")
        for name in sorted(modules_of(path))
        if name.split(".")[0] in MAY_IMPORT and not is_within(name, SHARED)
    ]
    assert wrong == []


def test_the_shared_package_is_loaded_without_torch() -> None:
    names = [f"core.domain.{path.stem}" for path in files_of("core/domain") if path.stem != "__init__"]
    program = f"import sys, {', '.join(names)}; print(sorted(sys.modules.keys() & {HEAVY!r}))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_handlers_import_no_adapter() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files_of("bots/conversation")
        for name in sorted(modules_of(path))
        if any(is_within(name, adapter) for adapter in ADAPTERS)
    ]
    assert wrong == []


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_adapters_import_no_handler(adapter: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files_of(adapter.replace(".", "/"))
        for name in sorted(modules_of(path))
        if is_within(name, HANDLERS)
    ]
    assert wrong == []


def test_no_folder_has_more_modules_than_can_be_taken_in_at_a_glance() -> None:
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    modules = [Path(name) for name in listed.stdout.splitlines() if not name.endswith("__init__.py")]
    sizes = Counter(str(path.parent) for path in modules if (ROOT / path).exists())
    too_large = {folder: size for folder, size in sizes.items() if size > MAX_MODULES and folder not in GENERATED}
    assert too_large == {}


def test_every_package_with_code_is_in_the_table() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert packages <= set(MAY_IMPORT)


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_no_package_uses_pickle(package: str) -> None:
    wrong = [str(path) for path in files_of(package) if imports_of(path) & {"pickle", "marshal", "shelve", "dill"}]
    assert wrong == []
