"""Prints the project's dependencies, one a line, for `pip install --requirement`. Needs nothing but Python itself.

python requirements/wanted.py                    # all
python requirements/wanted.py --without-models   # for bots, migrations and the purge: no torch
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent


def wanted(*, models: bool) -> list[str]:
    """Requirements as pyproject.toml has them; without `models` those that models.txt names are left out."""
    lines: list[str] = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]["dependencies"]
    if models:
        return lines
    named = {line for line in (HERE / "models.txt").read_text().splitlines() if not line.startswith("#")}
    return [line for line in lines if re.split(r"[\[=<>]", line)[0] not in named]


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in wanted(models="--without-models" not in sys.argv[1:]))
