"""The audit of the pins, with the real pip-audit and an advisory service of our own on this machine."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

AUDIT = Path(__file__).parents[1] / "requirements" / "audit.py"
BAD = ("six", "1.0.0")


class Advisories(BaseHTTPRequestHandler):
    """OSV's one question: what is known of this version?"""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = (asked["package"]["name"], asked["version"]) == BAD
        affected = [{"package": {"name": BAD[0], "ecosystem": "PyPI"}, "ranges": [], "versions": [BAD[1]]}]
        found = {"id": "PYSEC-0-1", "modified": "2026-01-01T00:00:00Z", "summary": "holes", "affected": affected}
        body = json.dumps({"vulns": [found]} if known else {}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Advisories)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query"
    server.shutdown()
    thread.join()
    server.server_close()


def audit(folder: Path, url: str, *pins: str) -> tuple[int, str, str]:
    (folder / "pins.txt").write_text("\n".join(pins) + "\n")
    command = [sys.executable, str(AUDIT), "--pins", str(folder / "pins.txt"), "--osv-url", url]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    return ran.returncode, ran.stdout, ran.stderr


def test_pins_that_nothing_is_known_of_are_clean(service: str, tmp_path: Path) -> None:
    assert audit(tmp_path, service, "six==1.17.0", "idna==3.10")[:2] == (0, "2 packages, no known vulnerability\n")


def test_a_known_vulnerability_fails_by_name(service: str, tmp_path: Path) -> None:
    code, _, said = audit(tmp_path, service, "six==1.0.0", "idna==3.10")
    assert code == 1
    assert "six 1.0.0: PYSEC-0-1" in said


def test_a_service_that_is_away_is_no_clean_bill(tmp_path: Path) -> None:
    code, out, said = audit(tmp_path, "http://127.0.0.1:9/v1/query", "six==1.17.0")
    assert (code, out) == (3, "")
    assert "NOT AUDITED" in said
    assert "Traceback" not in said


def test_a_service_that_does_not_know_the_packages_is_no_clean_bill() -> None:
    """As pip-audit answers where the package index has no advisories: "No known vulnerabilities found", code 0."""
    described = importlib.util.spec_from_file_location("audit", AUDIT)
    assert described is not None and described.loader is not None
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)

    answered = {"name": "idna", "version": "3.10", "vulns": []}
    assert module.judge([{"name": "six", "skip_reason": "not found"}, answered])[0] == module.NOT_ASKED
    assert module.judge([])[0] == module.NOT_ASKED
    assert module.judge([answered])[0] == module.CLEAN
