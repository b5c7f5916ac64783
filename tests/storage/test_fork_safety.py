"""A child of a process whose threads are busy with the database can use it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from storage import database, fork_safety
from storage.blobs import DiskBlobs
from storage.database import open_database
from storage.fork_safety import Transactions
from storage.unit_of_work import Store

FORKS = 8


def fork(work: object) -> bool:
    """Whether the work ends well in a forked child."""
    child = os.fork()
    if child == 0:
        try:
            work()  # type: ignore[operator]
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def test_a_child_is_not_locked_out_by_what_a_thread_of_its_parent_did(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 1)

    def write(store: Store, who: str) -> None:
        with store.unit() as unit:
            unit.users.get_or_add("console", who)
            unit.commit()

    def opened() -> Store:
        return Store(open_database(sqlite_url), DiskBlobs(tmp_path, [b"k" * 32]))

    done = threading.Event()

    def be_busy() -> None:
        store = opened()
        for number in range(1_000_000):
            if done.is_set():
                break
            write(store, str(number))
        store.database.close()

    thread = threading.Thread(target=be_busy)
    thread.start()
    try:
        ended = [fork(lambda number=number: write(opened(), f"child {number}")) for number in range(FORKS)]
    finally:
        done.set()
        thread.join()
    assert all(ended)
    store = opened()
    with store.read_only() as unit:
        assert all(unit.users.find("console", f"child {number}") for number in range(FORKS))
    store.database.close()


def test_a_fork_does_not_wait_for_itself_nor_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork_safety, "PATIENCE", 0.05)
    transactions = Transactions()
    inside, done = threading.Event(), threading.Event()

    def stay() -> None:
        with transactions.one():
            inside.set()
            done.wait()

    with transactions.one():
        transactions.hold()
        transactions.go_on()
    thread = threading.Thread(target=stay)
    thread.start()
    inside.wait()
    transactions.hold()
    transactions.go_on()
    done.set()
    thread.join()
