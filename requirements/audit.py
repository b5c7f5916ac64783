"""Ask the advisory services about every pinned version, and never take "could not ask" for "nothing known".

    python requirements/audit.py          exit code 0: nothing known, 1: something is, 3: could not be asked (in full)

pip-audit itself says "No known vulnerabilities found", exit code 0, when its service knew none of the packages, and
exit code 1 when there was no network. What counts here is its JSON: each package must have been answered for.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CLEAN, KNOWN, NOT_ASKED = 0, 1, 3
SERVICES = ("pypi", "osv")
PINS = Path(__file__).with_name("constraints.txt")


def ask(pins: Path, service: str, more: Sequence[str] = ()) -> list[dict[str, Any]]:
    """pip-audit's answer for each package; empty where it gave none."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(pins), "--no-deps", "--disable-pip"]
    command += ["--vulnerability-service", service, "--format", "json", "--progress-spinner", "off", "--desc", "off"]
    ran = subprocess.run(  # nosec B603 # our own words; no shell
        [*command, *more], capture_output=True, text=True, check=False
    )
    try:
        answers: list[dict[str, Any]] = json.loads(ran.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        reasons = [line for line in ran.stderr.splitlines() if line.strip()]
        print(f"{service}: {reasons[-1][:300] if reasons else 'no answer'}", file=sys.stderr)
        return []
    return answers


def judge(answers: Sequence[dict[str, Any]]) -> tuple[int, list[str]]:
    """The exit code, and the lines that say why."""
    known = [
        f"{one['name']} {one['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'nothing yet'}"
        for one in answers
        for found in one.get("vulns", ())
    ]
    unasked = [one["name"] for one in answers if "skip_reason" in one]
    if known:
        return KNOWN, known
    if not answers:
        return NOT_ASKED, ["NOT AUDITED: no advisory service answered"]
    if unasked:
        known_to_it = len(answers) - len(unasked)
        return NOT_ASKED, [f"NOT AUDITED: the service answered for {known_to_it} of {len(answers)} packages"]
    return CLEAN, [f"{len(answers)} packages, no known vulnerability"]


def main() -> int:
    """Ask one service after the other until one has answered for every package."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--pins", type=Path, default=PINS)
    asked.add_argument("--osv-url", help="another OSV server than the public one, which is then the only one asked")
    told = asked.parse_args()
    more = ["--osv-url", told.osv_url] if told.osv_url else []
    code, lines = judge([])
    for service in ("osv",) if told.osv_url else SERVICES:
        code, lines = judge(ask(told.pins, service, more))
        if code != NOT_ASKED:
            break
    print("\n".join(lines), file=sys.stdout if code == CLEAN else sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
