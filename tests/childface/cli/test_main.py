from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from childface.cli.context import Environment
from childface.cli.main import app
from tests.childface.conftest import Terminal

PROGRAM = Path(sys.executable).with_name("childface")


def commands(group: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command below a group, as words."""
    found = []
    for name, command in getattr(group, "commands", {}).items():
        found += [(*path, name), *commands(command, (*path, name))]
    return found


ALL = commands(get_command(app))


def test_the_commands_are_those_of_the_contract() -> None:
    promised = {"make", "grow", "encode", "draw", "bot", "worker", "db", "train", "doctor"}
    assert promised <= {words[0] for words in ALL}
    assert {("db", "upgrade"), ("db", "purge")} <= set(ALL)


@pytest.mark.parametrize("words", [words for words in ALL if words != ("train",)], ids=" ".join)
def test_every_help_page_shows_an_example(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*words, "--help"], obj=Environment())

    assert shown.exit_code == 0
    assert re.search(r"Example: .*childface " + " ".join(words), " ".join(shown.output.split())), shown.output


def test_no_command_shows_the_help(terminal: Terminal) -> None:
    run = terminal.run()

    assert (run.code, run.err) == (0, "")
    assert "Usage" in run.out


def test_the_version_is_that_of_the_package(terminal: Terminal) -> None:
    assert terminal.run("--version").out == f"childface {version('childface')}\n"


def test_wrong_settings_are_refused_in_one_line(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHILDFACE_MAX_ATTEMPTS", "none")
    shown = subprocess.run([PROGRAM, "doctor"], capture_output=True, text=True, check=False)

    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr.startswith("childface: settings: max_attempts") and shown.stderr.count("\n") == 1


def test_the_installed_program_refuses_in_one_line_with_two(tmp_path: Path) -> None:
    shown = subprocess.run(
        [PROGRAM, "make", "mom.jpg", "dad.jpg"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (shown.returncode, shown.stdout, shown.stderr) == (2, "", "childface: mom.jpg: no such file or directory\n")


def test_help_and_chat_processes_never_load_torch() -> None:
    code = (
        "import sys, childface.cli.main, childface.bootstrap, childface.settings, bots.telegram.bot;"
        "from childface.bootstrap import open_queue, task_config;"
        "open_queue(task_config(childface.settings.Settings(_env_file=None, broker_url='redis://localhost')));"
        "print(*[name for name in ('torch', 'dlib', 'onnxruntime') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (shown.returncode, shown.stdout.strip(), shown.stderr) == (0, "", "")


def test_a_training_command_gets_its_own_arguments(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    training = typer.Typer()
    heard: list[int] = []

    @training.command()
    def encoder(steps: int) -> None:
        """Train."""
        heard.append(steps)

    @training.command()
    def other() -> None:
        """Another one."""

    module = type(sys)("training.cli")
    module.app = training  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "training.cli", module)

    assert terminal.run("train", "encoder", "7").code == 0
    assert heard == [7]
    terminal.run("train", "encoder", "many").refuses(2, "steps")
    assert "encoder" in terminal.run("train", "--help").out
