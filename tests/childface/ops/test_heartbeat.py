"""Who watches a process hears its beat, and hears when it falls silent."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from childface.bootstrap import open_store
from childface.ops.heartbeat import SILENT_AFTER, Heartbeat, silence
from storage.clock import utc_now
from storage.unit_of_work import Store
from tests.childface.conftest import Terminal

PROGRAM = Path(sys.executable).with_name("childface")
PATIENCE = 60.0


def wait_until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """What listens at the other end of NOTIFY_SOCKET."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(PATIENCE)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listener


def test_a_beat_dates_the_file_and_an_orderly_end_removes_it(tmp_path: Path) -> None:
    file = tmp_path / "alive"
    heartbeat = Heartbeat(file)
    assert silence(file) is None

    heartbeat()
    os.utime(file, (0, 0))
    heartbeat()
    seconds = silence(file)
    assert seconds is not None and seconds < PATIENCE

    heartbeat.stop()
    assert silence(file) is None


def test_a_disk_or_a_watcher_that_is_away_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    heartbeat = Heartbeat(tmp_path / "no-folder" / "alive")

    heartbeat()
    heartbeat.stop()


def test_systemd_hears_ready_once_then_beats_then_the_end(systemd: socket.socket) -> None:
    heartbeat = Heartbeat()
    for _ in range(3):
        heartbeat()
    heartbeat.stop()

    assert [systemd.recv(64) for _ in range(4)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_health_tells_alive_from_silent_and_never_started(terminal: Terminal) -> None:
    terminal.run("health").refuses_with_findings(3, "no file to look at")
    file = terminal.home / "alive"
    terminal.change(heartbeat_file=file)
    terminal.run("health").refuses_with_findings(3, "not started, or still starting")

    Heartbeat(file)()
    assert terminal.run("health", "--json").json["ok"] is True

    long_ago = time.time() - SILENT_AFTER - 1
    os.utime(file, (long_ago, long_ago))
    run = terminal.run("health", "--json")
    assert run.code == 3
    assert run.json_of_a_failure()["checks"][0]["state"] == "bad"


def test_health_asks_the_servers_only_when_told_so(terminal: Terminal) -> None:
    terminal.change(
        heartbeat_file=terminal.home / "alive",
        broker_url="redis://:very-secret@127.0.0.1:1/0",
        database_url="postgresql+psycopg://me:very-secret@127.0.0.1:1/x",
    )
    Heartbeat(terminal.settings.heartbeat_file)()

    assert terminal.run("health").code == 0
    run = terminal.run("health", "--servers")

    assert run.code == 3
    assert "good  heartbeat" in run.out and "bad   database" in run.out and "bad   broker" in run.out
    assert "very-secret" not in run.out + run.err


def store_with_an_old_photo(terminal: Terminal) -> Store:
    terminal.run("db", "upgrade")
    store = open_store(terminal.settings)
    store.clock = lambda: utc_now() - terminal.settings.ttl_photo * 2
    with store.unit() as unit:
        unit.photos.add(unit.users.get_or_add("console", "1").id, b"a photo", terminal.settings.ttl_photo)
        unit.commit()
    return store


def test_a_purge_that_runs_on_deletes_beats_and_ends_when_told_so(terminal: Terminal) -> None:
    """As a process: its signals and its file are what a container sees."""
    store = store_with_an_old_photo(terminal)
    file = terminal.home / "alive"
    environment = {
        "PATH": os.environ["PATH"],
        "CHILDFACE_DATA_DIR": str(terminal.settings.data_dir),
        "CHILDFACE_HEARTBEAT_FILE": str(file),
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    }
    purge = subprocess.Popen(
        [PROGRAM, "db", "purge", "--every", "3600", "--json"], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        wait_until(lambda: not list(store.blobs.keys()) and silence(file) is not None)
        purge.send_signal(signal.SIGTERM)
        said, _ = purge.communicate(timeout=PATIENCE)
    finally:
        purge.kill()
        store.database.close()

    assert (purge.returncode, said.count("\n")) == (0, 1)
    assert '"photos": 1' in said
    assert silence(file) is None
