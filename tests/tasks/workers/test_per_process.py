from __future__ import annotations

import os
import threading
from itertools import count

from tasks.workers.per_process import PerProcess


def test_it_is_made_on_first_use_and_only_once() -> None:
    made = count()
    kept = PerProcess(lambda: next(made))

    assert kept.made() is None
    assert [kept(), kept()] == [0, 0]
    assert kept.made() == 0


def test_threads_that_ask_at_once_get_the_same() -> None:
    gate = threading.Barrier(8)
    made = count()
    kept = PerProcess(lambda: next(made))
    answers: list[int] = []

    def ask() -> None:
        gate.wait()
        answers.append(kept())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [0] * 8


def test_a_forked_child_makes_its_own() -> None:
    kept = PerProcess(os.getpid)
    mine = kept()
    reader, writer = os.pipe()

    child = os.fork()
    if child == 0:
        os.write(writer, str(kept()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        theirs = int(answer.read())

    assert theirs == child != mine
