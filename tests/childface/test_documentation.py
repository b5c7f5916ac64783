"""What README and docs tell people to type exists, and so does what they refer to."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from PIL import Image

from tests.support.command_lines import require_command

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "LICENSE-WEIGHTS.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
INDEXED = ("adr", "experiments")
"""Folders of docs whose index lists their pages, instead of the navigation in mkdocs.yml."""


def typed(program: str) -> list[str]:
    """Every line of the pages' code blocks, and every quoted command, that runs a program."""
    found = []
    for page in PAGES:
        text = page.read_text()
        blocks = "\n".join(re.findall(r"```(?:sh|bash|console)?\n(.*?)```", text, re.DOTALL))
        lines = blocks.splitlines() + re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
        for line in lines:
            command = line.split("#")[0].strip()
            command = re.sub(r"^(?:[A-Z_]+=\S* )+", "", command).removeprefix(".venv/bin/")
            if command.startswith(f"{program} "):
                found.append(command)
    return sorted(set(found))


@pytest.mark.parametrize("line", typed("childface"))
def test_every_command_of_the_docs_exists_with_its_options(line: str) -> None:
    require_command(line)


@pytest.mark.parametrize("line", typed("make"))
def test_every_make_target_of_the_docs_exists(line: str) -> None:
    targets = [word for word in shlex.split(line)[1:] if "=" not in word]
    there = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(targets) <= there


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_links_to_exists(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    folders = "|".join(path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith("."))
    named = re.findall(rf"`((?:{folders})/[\w./-]+\.(?:py|md|toml|safetensors|yml|sh))`", page.read_text())

    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("folder", INDEXED)
def test_an_index_lists_every_page_of_its_folder(folder: str) -> None:
    index = ROOT / "docs" / folder / "index.md"
    listed = set(re.findall(r"\]\(([^)/]+\.md)\)", index.read_text()))

    assert listed == {page.name for page in index.parent.glob("*.md")} - {index.name}


def test_the_changelog_begins_with_the_version_of_the_package() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert [heading for heading in headings if not re.fullmatch(r"\d+\.\d+\.\d+ \(\d{4}-\d\d-\d\d\)", heading)] == []
    assert headings[0].startswith(f"{version} (")


@pytest.mark.slow
def test_the_python_example_of_the_readme_draws_a_child(weights_dir: Path, tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CHILDFACE_WEIGHTS_DIR": str(weights_dir)}

    done = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "child.png") as child:
        assert child.size == (1024, 1024)
    assert re.fullmatch(r"[0-9A-Z-]+ \{'mom': [\d.]+, 'dad': [\d.]+\}\n", done.stdout)
