"""The command line with a fake pipeline and a home of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from childface.cli.context import Environment
from childface.cli.main import main
from childface.settings import Settings
from tests.support.fake_pipeline import FakePipeline, photo_of


@dataclass
class Run:
    """How one command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """Stdout, which must be one object on one line."""
        assert self.out.count("\n") == 1
        found: dict[str, Any] = json.loads(self.out)
        return found

    def json_of_a_failure(self) -> dict[str, Any]:
        """The object on stdout, whatever the exit code."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    def refuses(self, code: int, *words: str) -> None:
        """One line on stderr with these words, nothing on stdout."""
        assert (self.code, self.out) == (code, "")
        assert self.err.startswith("childface: ") and self.err.count("\n") == 1, self.err
        assert "Traceback" not in self.err
        for word in words:
            assert word in self.err

    def refuses_with_findings(self, code: int, *words: str) -> None:
        """What was found on stdout, and one line on stderr with these words."""
        assert self.code == code and self.out
        assert self.err.startswith("childface: ") and self.err.count("\n") == 1, self.err
        for word in words:
            assert word in self.err


class Terminal:
    """Runs commands in a folder that holds mom.jpg and dad.jpg."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self.pipeline = FakePipeline()
        self.settings = Settings(_env_file=None, data_dir=home / "data", weights_dir=home / "weights")
        self.loaded_with: Settings | None = None
        """The settings that the pipeline was last loaded with."""
        self._capsys = capsys
        for who in ("mom", "dad"):
            (home / f"{who}.jpg").write_bytes(photo_of(who))

    def run(self, *args: str) -> Run:
        def load(settings: Settings) -> FakePipeline:
            self.loaded_with = settings
            return self.pipeline

        environment = Environment(lambda: self.settings, load)
        self._capsys.readouterr()
        code = main(args, environment)
        captured = self._capsys.readouterr()
        return Run(code, captured.out, captured.err)

    def change(self, **settings: Any) -> None:
        self.settings = Settings(_env_file=None, **{**self.settings.model_dump(exclude_unset=True), **settings})


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    monkeypatch.setenv("LANGUAGE", "en")
    monkeypatch.chdir(tmp_path)
    return Terminal(tmp_path, capsys)
