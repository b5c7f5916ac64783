"""Prints the project's dependencies, one a line, for `pip install --requirement`. Needs nothing but Python itself.

python requirements/wanted.py                    # all
python requirements/wanted.py --without-models   # for bots, migrations and the purge: no torch
python requirements/wanted.py --extras traces    # and what these extras need, with commas between
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent


def wanted(*, models: bool, extras: Sequence[str] = ()) -> list[str]:
    """Requirements as pyproject.toml has them; without `models` those that models.txt names are left out."""
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]
    lines: list[str] = [*project["dependencies"]]
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    if models:
        return lines
    named = {line for line in (HERE / "models.txt").read_text().splitlines() if not line.startswith("#")}
    return [line for line in lines if re.split(r"[\[=<>]", line)[0] not in named]


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--without-models", action="store_true")
    options.add_argument("--extras", default="")
    chosen = options.parse_args()
    extras = [extra for extra in chosen.extras.split(",") if extra]
    sys.stdout.writelines(f"{line}\n" for line in wanted(models=not chosen.without_models, extras=extras))
