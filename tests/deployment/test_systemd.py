"""The units for the small machine: systemd's own check, and each command for real."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path

import pytest

from childface.settings import Settings, variable
from tests.support.command_lines import require_command
from tests.support.processes.compose_file import ROOT

UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
TIMERS = sorted((ROOT / "deploy" / "systemd").glob("*.timer"))
INSTALLED = "/opt/childface/.venv/bin/childface"
PROGRAM = Path(sys.executable).with_name("childface")
WORST_EXPOSURE = 2.0
"""Of 10, as `systemd-analyze security` counts. Without any of the options it is 9.6."""

each_unit = pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")


def options(unit: Path, section: str = "Service") -> dict[str, str]:
    """The last word for each option; enough for those that stand there once."""
    parser = RawConfigParser(strict=False, comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(unit)
    return dict(parser[section])


def here(unit: Path, folder: Path) -> Path:
    """A copy that runs the program of this environment."""
    copy = folder / unit.name
    copy.write_text(unit.read_text().replace(INSTALLED, str(PROGRAM)))
    return copy


@needs_systemd
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    copies = [here(unit, tmp_path) for unit in [*UNITS, *TIMERS]]
    ran = subprocess.run(["systemd-analyze", "verify", "--man=no", *copies], capture_output=True, text=True)

    complaints = [line for line in ran.stderr.splitlines() if str(tmp_path) in line or "childface" in line]
    assert (ran.returncode, complaints) == (0, []), ran.stderr


@needs_systemd
@each_unit
def test_a_unit_may_do_little(unit: Path, tmp_path: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", here(unit, tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", ran.stdout)

    assert found is not None, ran.stderr
    assert float(found[1]) <= WORST_EXPOSURE, ran.stdout


@each_unit
def test_the_command_of_a_unit_runs(unit: Path) -> None:
    command = options(unit)["ExecStart"]
    assert command.startswith(f"{INSTALLED} ")
    require_command(command)

    words = [word for word in shlex.split(command)[1:] if not word.startswith("-")]
    subcommand = [words[0], "purge"] if words[0] == "db" else words[:1]
    ran = subprocess.run([PROGRAM, *subcommand, "--help"], capture_output=True, text=True)

    assert ran.returncode == 0, ran.stderr


@each_unit
def test_a_unit_is_not_root_and_reads_its_secrets_from_files(unit: Path) -> None:
    service = options(unit)

    assert service["User"] == service["Group"] == "childface"
    assert service["LoadCredential"] == "childface:/etc/childface/secrets"
    known = {variable(field) for field in Settings.model_fields}
    assert set(re.findall(r"\b(CHILDFACE_\w+)=", service["Environment"])) <= known
    assert not re.search("token|password", service["Environment"], re.IGNORECASE)


@pytest.mark.parametrize("name", ["childface", "childface-worker"])
def test_what_hangs_is_started_again_and_what_ends_may_finish(name: str) -> None:
    service = options(ROOT / "deploy" / "systemd" / f"{name}.service")

    assert (service["Type"], service["Restart"], service["KillSignal"]) == ("notify", "on-failure", "SIGTERM")
    assert int(service["WatchdogSec"]) > 60
    if "worker" in service["ExecStart"]:
        assert int(service["TimeoutStopSec"]) > Settings(_env_file=None).hard_limit


def test_the_timer_starts_the_purge() -> None:
    (timer,) = TIMERS

    assert timer.stem in {unit.stem for unit in UNITS}
    assert options(timer, "Install")["WantedBy"] == "timers.target"


def test_the_account_of_the_units_is_described() -> None:
    (line,) = [
        line
        for line in (ROOT / "deploy" / "systemd" / "childface.sysusers").read_text().splitlines()
        if not line.startswith("#")
    ]

    assert shlex.split(line)[:2] == ["u", "childface"]
