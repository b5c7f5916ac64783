"""The Dockerfile's images hold what runs and nothing else. (There is no Docker where the tests run.)"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from requirements.wanted import wanted
from tests.support.command_lines import require_command
from tests.support.processes.compose_file import ROOT, services

FILE = ROOT / "Dockerfile"
FINAL = ("bot", "worker")
BUILD_TOOLS = {"gcc", "g++", "make", "cmake", "git", "curl", "wget", "build-essential", "python3-dev"}


@dataclass
class Stage:
    """`FROM base AS name` and the instructions below."""

    name: str
    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, keyword: str) -> list[str]:
        return [words for step, words in self.steps if step == keyword]


def stages() -> dict[str, Stage]:
    """In the order of the file."""
    text = re.sub(r"^\s*#.*\n", "", FILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    found: dict[str, Stage] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        keyword, words = line.split(maxsplit=1)
        if keyword == "FROM":
            base, _, name = words.split()
            found[name] = Stage(name, base)
        elif found:
            list(found.values())[-1].steps.append((keyword, words))
    return found


def with_its_bases(name: str) -> list[Stage]:
    """A stage and those it stands on."""
    line = [stages()[name]]
    while line[-1].base in stages():
        line.append(stages()[line[-1].base])
    return line


def test_hadolint_has_no_complaint() -> None:
    ran = subprocess.run([Path(sys.executable).with_name("hadolint"), FILE], capture_output=True, text=True)

    assert (ran.returncode, ran.stdout) == (0, "")


def test_compose_builds_stages_that_are_there() -> None:
    targets = {service["build"]["target"] for service in services().values() if "build" in service}

    assert targets == set(FINAL) <= set(stages())


@pytest.mark.parametrize("name", FINAL)
def test_a_final_stage_runs_as_nobody_special(name: str) -> None:
    users = stages()[name].all("USER")

    assert len(users) == 1
    assert all(int(number) >= 1000 for number in users[0].split(":"))
    assert stages()[name].steps[-2:] == [("USER", users[0]), stages()[name].steps[-1]]  # nothing is done as root after


@pytest.mark.parametrize("name", FINAL)
def test_a_final_stage_holds_no_tools_for_building(name: str) -> None:
    for stage in with_its_bases(name):
        assert stage.base.startswith("python:") or stage.base in stages()
        for step in stage.all("RUN"):
            assert not BUILD_TOOLS & set(shlex.split(step)), step
            assert not re.search(r"\bpip [^&]*\binstall\b", step), step
    assert any("pip uninstall" in step for stage in with_its_bases(name) for step in stage.all("RUN"))


@pytest.mark.parametrize("name", FINAL)
def test_the_command_of_an_image_exists(name: str) -> None:
    (command,) = stages()[name].all("CMD")
    require_command(" ".join(shlex.split(command.strip("[]").replace(",", " "))))
    (health,) = [step for stage in with_its_bases(name) for step in stage.all("HEALTHCHECK")]
    require_command(" ".join(re.findall(r'"([^"]+)"', health)))


def test_what_is_copied_is_there() -> None:
    sent = {line[1:].rstrip("/") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for stage in stages().values():
        for step in stage.all("COPY"):
            options = [word for word in step.split() if word.startswith("--")]
            *sources, _ = [word for word in step.split() if not word.startswith("--")]
            if options:
                (before,) = [option.removeprefix("--from=") for option in options]
                assert list(stages()).index(before) < list(stages()).index(stage.name)
                continue
            for source in sources:
                assert (ROOT / source).exists()
                assert source == "." or source.rstrip("/") in sent, f"{source} is kept out by .dockerignore"


def test_the_builder_is_sent_every_package_of_ours_and_no_secret() -> None:
    sent = {line[1:].rstrip("/") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {name.rstrip("*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]}

    assert sent == packages | {"pyproject.toml", "README.md", "LICENSE", "LICENSE-WEIGHTS.md", "requirements"}
    assert "*" in (ROOT / ".dockerignore").read_text().splitlines()


def test_a_bot_is_built_without_models_and_a_worker_with_all() -> None:
    everything, light = wanted(models=True), wanted(models=False)
    named = {line for line in (ROOT / "requirements/models.txt").read_text().splitlines() if not line.startswith("#")}

    left_out = {re.split(r"[\[=<>]", line)[0] for line in set(everything) - set(light)}
    assert left_out == named and "torch" in named
    for name, packages in (("bot", light), ("worker", everything)):
        steps = " ".join(stages()[f"{name}-packages"].all("RUN"))
        assert f"--requirement requirements/hashed/{name}.txt" in steps
        assert {distribution(line) for line in packages} - {"torch"} <= set(hashed(name))


def test_everything_but_torch_is_installed_by_hash() -> None:
    for stage in stages().values():
        for step in stage.all("RUN"):
            for command in re.findall(r"\bpip (?:--python \S+ )?install\b[^&]*", step):
                ours = "/wheels/*.whl" in command
                assert ours or "^torch==" in command or "--require-hashes" in command, command


@pytest.mark.parametrize("name", ["bot", "worker", "gpu", "extras", "tools"])
def test_hashed_packages_have_the_pinned_versions(name: str) -> None:
    lines = (ROOT / "requirements/constraints.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line)
    pins = {distribution(package): version for package, version in pinned.items()}
    wrong = {package: version for package, version in hashed(name).items() if pins.get(package, version) != version}

    assert hashed(name) and wrong == {}, "sh requirements/hash.sh"


def distribution(requirement: str) -> str:
    """The name of a distribution as the index writes it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[=<>;]", requirement)[0].strip()).lower()


def hashed(name: str) -> dict[str, str]:
    """Distribution → version; each has at least one hash."""
    text = (ROOT / f"requirements/hashed/{name}.txt").read_text().replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        package, version = line.split()[0].split("==")
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", line), package
        found[distribution(package)] = version
    return found


def test_weights_are_fetched_and_checked_while_the_image_is_built() -> None:
    (step,) = stages()["weights"].all("RUN")

    assert "childface weights fetch && " in step and "childface weights verify && " in step
    assert any("--from=weights" in copy for copy in stages()["worker"].all("COPY"))
    assert not any("--from=weights" in copy for copy in stages()["bot"].all("COPY"))
