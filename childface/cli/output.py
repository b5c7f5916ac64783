"""Output of the command line: results to stdout, notes to stderr, one line per error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

EXIT_OUR_FAULT = 1
EXIT_BAD_INPUT = 2
EXIT_MISSING = 3


class CliError(Exception):
    """A failure that the command line explains in one line and ends with `exit_code`."""

    def __init__(self, sentence: str, exit_code: int = EXIT_BAD_INPUT) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


def notes() -> Console:
    """The console on stderr. Created on each call, so that a redirected stderr is respected."""
    return Console(stderr=True, highlight=False)


def say(line: str) -> None:
    """A result: stdout."""
    sys.stdout.write(line + "\n")


def say_json(value: dict[str, Any]) -> None:
    """A result for machines: one JSON object on one line of stdout."""
    say(json.dumps(value, ensure_ascii=False))


def note(line: str) -> None:
    """Something to know on the way: stderr."""
    notes().print(line, style="dim", markup=False, soft_wrap=True)


def complain(sentence: str) -> None:
    """The one line of an error: stderr, never wrapped."""
    one_line = " ".join(sentence.split())
    notes().print(f"childface: {one_line}", markup=False, soft_wrap=True)


@contextmanager
def progress(what: str) -> Iterator[Callable[[float], None]]:
    """A bar on stderr while something runs (nothing where stderr is no terminal). Yields `report(0..1)`."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    console = notes()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda part: bar.update(task, completed=part)
