"""What README and docs tell people to type exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.support.command_lines import require_command

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_links_to_exists(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []
