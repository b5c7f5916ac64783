"""Whether a command line that some file tells people or machines to run exists, with its options."""

from __future__ import annotations

import shlex

from typer.main import get_command

from childface.cli.main import app


def require_command(line: str) -> None:
    """Fails unless `childface ...` is a command of ours and knows every option."""
    words = shlex.split(line.replace("…", " ").replace("...", " "))[1:]
    command = get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]  # type: ignore[attr-defined]
    assert not hasattr(command, "commands") or not words, f"no such command: {line}"
    if command.name == "train":
        return
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}

    assert {word.split("=")[0] for word in words if word.startswith("-")} <= known, line
