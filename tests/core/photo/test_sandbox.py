"""Photos opened in a separate process: the same pixels, and whatever a file does to its decoder stays there."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from core.domain.errors import DamagedPhoto, EmptyPhoto, NotAPicture, PhotoError, PhotoTooLarge, UnsupportedPicture
from core.photo.decode import MAX_BYTES, open_photo
from core.photo.sandbox import MAX_TASKS
from core.photo.sandbox_client import ENVIRONMENT, NoFilter, PhotoProcesses
from tests.core.photo.test_hostile_photos import BOMBS, FILES
from tests.support.photos.good_photos import good_files

ROOT = Path(__file__).parents[3]
BAD = (sys.executable, "-I", str(Path(__file__).parents[3] / "tests" / "support" / "photos" / "bad_sandbox_worker.py"))
GOOD = good_files()
linux = pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")


@pytest.fixture(scope="module")
def processes() -> Iterator[PhotoProcesses]:
    opened = PhotoProcesses(1)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def bad() -> Iterator[PhotoProcesses]:
    opened = PhotoProcesses(1, seconds=90, program=BAD)  # on a machine that is busy with other work
    yield opened
    opened.close()


def helpers() -> list[psutil.Process]:
    """Children of this process that open photos. Others may end while we look."""
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if child.cmdline()[1:2] == ["-I"]:
                found.append(child)
    return found


def what_came_of(attack: str, processes: PhotoProcesses) -> object:
    with pytest.raises(DamagedPhoto) as refused:
        processes.open(attack.encode())
    return refused.value.facts()["stopped"]


# --- the same door ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GOOD)
def test_a_photo_of_every_format_has_the_same_pixels(processes: PhotoProcesses, name: str) -> None:
    there, here = processes.open(GOOD[name]), open_photo(GOOD[name])

    assert np.array_equal(there.rgb, here.rgb)
    assert (there.format, there.sha256, there.shrunk) == (here.format, here.sha256, here.shrunk)
    assert not there.rgb.flags.writeable


@pytest.mark.parametrize("data", [data for _, data in FILES], ids=[name for name, _ in FILES])
def test_a_hostile_file_gets_the_same_answer(processes: PhotoProcesses, data: bytes) -> None:
    answers: list[object] = []
    for door in (open_photo, processes.open):
        try:
            answers.append(door(data).rgb.tobytes())
        except PhotoError as error:
            answers.append((type(error), error.facts()))
    assert answers[0] == answers[1]


def test_refusals_come_back_with_their_facts(processes: PhotoProcesses) -> None:
    with pytest.raises(EmptyPhoto):
        processes.open(b"")
    with pytest.raises(NotAPicture) as text:
        processes.open(b"not a photo at all")
    assert text.value.facts() == {"found": "text"}
    with pytest.raises(UnsupportedPicture) as film:
        processes.open(b"%PDF-1.7")
    assert film.value.facts() == {"found": "pdf"}
    with pytest.raises(PhotoTooLarge) as bomb:
        processes.open(BOMBS["png of 3.6 gigapixels"])
    assert bomb.value.facts()["what"] == "pixels"


def test_a_file_of_too_many_bytes_reaches_no_helper() -> None:
    never = PhotoProcesses(program=("/nowhere/at-all",))
    with pytest.raises(PhotoTooLarge):
        never.open(bytes(MAX_BYTES + 1), max_bytes=10**12)


def test_a_helper_is_used_again(processes: PhotoProcesses) -> None:
    processes.open(GOOD["jpeg"])
    before = helpers()
    processes.open(GOOD["png"])
    assert helpers() == before
    assert len(before) == 1


def test_threads_share_helpers_and_none_gets_another_ones_photo() -> None:
    shared, wrong = PhotoProcesses(2), []

    def keep_opening(name: str) -> None:
        expected = open_photo(GOOD[name]).rgb
        wrong.extend(name for _ in range(15) if not np.array_equal(shared.open(GOOD[name]).rgb, expected))

    threads = [threading.Thread(target=keep_opening, args=[name]) for name in ("jpeg", "png", "webp", "heif")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(helpers()) <= 3  # two of these, one of the module's
    shared.close()


# --- what a decoder that was taken over can do ---------------------------------------------------------------


def test_this_machine_has_all_fences(processes: PhotoProcesses) -> None:
    assert processes.fences() == ["limits", "no_new_privs", "seccomp"]


@linux
@pytest.mark.parametrize(
    "attack",
    ["read_file", "write_file", "connect", "run_program", "fork", "kill_parent", "look_at_parent", "make_code"],
)
def test_it_reaches_nothing(bad: PhotoProcesses, attack: str) -> None:
    assert what_came_of(attack, bad) in {"EPERM", "EMFILE", "EACCES"}


@linux
def test_the_number_of_processes_is_limited_for_good(bad: PhotoProcesses) -> None:
    assert what_came_of("most_tasks", bad) == str((MAX_TASKS, MAX_TASKS))


WITHOUT_FILTER = (
    "import sys; sys.path.insert(0, sys.argv[1]); import core.photo.sandbox as c; c._filter_calls = lambda *_: False;"
    "from core.photo.sandbox_worker import serve; serve(int(sys.argv[2]))"
)


def test_where_the_filter_is_required_no_photo_is_opened_without_it() -> None:
    program = (sys.executable, "-I", "-c", WITHOUT_FILTER, str(ROOT))
    lenient = PhotoProcesses(1, program=program)
    assert lenient.open(GOOD["jpeg"]).rgb.shape == (96, 96, 3)
    assert lenient.fences() == ["limits", "no_new_privs"]
    lenient.close()

    strict = PhotoProcesses(1, program=program, require_filter=True)
    with pytest.raises(NoFilter):
        strict.open(GOOD["jpeg"])
    strict.close()


def test_a_photo_is_opened_where_the_required_filter_stands() -> None:
    strict = PhotoProcesses(1, require_filter=True)
    assert strict.open(GOOD["jpeg"]).rgb.shape == (96, 96, 3)
    strict.close()


@linux
def test_it_cannot_take_back_what_it_gave_up(bad: PhotoProcesses) -> None:
    assert what_came_of("shrink_shared", bad) == "EPERM"
    assert what_came_of("raise_limits", bad) in {"EPERM", "ValueError"}


def test_it_sees_neither_our_environment_nor_our_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TELEGRAM_TOKEN", "123456:secret")
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        opened = PhotoProcesses(1, program=BAD)
        assert what_came_of("environment", opened) == ",".join(sorted(ENVIRONMENT))[:40]
        assert what_came_of("descriptors", opened) == ""  # besides the shared memory and the three of every process
        opened.close()


@pytest.mark.parametrize(
    "attack",
    [
        "tell_nonsense",
        "tell_too_much",
        "claim_pixels",
        "tell_a_story",
        "tell_another_error",
        "tell_nested_lists",
        "tell_nested_objects",
        "tell_nested_facts",
        "tell_no_facts",
        "tell_infinity",
    ],
)
def test_what_it_says_is_not_believed(bad: PhotoProcesses, attack: str) -> None:
    with pytest.raises(PhotoError) as refused:
        bad.open(attack.encode())
    assert len(str(refused.value)) < 100
    assert bad.open(GOOD["jpeg"]).rgb.shape == (96, 96, 3)


# --- crashes and hangs --------------------------------------------------------------------------------------


def test_a_crash_is_a_refusal_and_the_next_photo_opens(bad: PhotoProcesses) -> None:
    assert what_came_of("crash", bad) == "crash"
    assert bad.open(GOOD["jpeg"]).rgb.shape == (96, 96, 3)


def test_a_file_that_hangs_its_decoder_is_a_refusal_in_time() -> None:
    impatient = PhotoProcesses(1, seconds=1.0, program=BAD)
    impatient.fences()
    started = time.monotonic()
    assert what_came_of("hang", impatient) == "time"
    assert what_came_of("spin", impatient) == "time"
    assert time.monotonic() - started < 30
    assert impatient.open(GOOD["jpeg"]).rgb.shape == (96, 96, 3)
    impatient.close()


def test_a_file_that_wants_all_memory_gets_none_of_it(bad: PhotoProcesses) -> None:
    assert what_came_of("hoard", bad) == "MemoryError"
    assert bad.open(GOOD["jpeg"]).rgb.shape == (96, 96, 3)


def test_a_helper_that_somebody_killed_is_not_held_against_the_photo() -> None:
    opened = PhotoProcesses(1)
    before = set(helpers())
    opened.open(GOOD["jpeg"])
    (helper,) = set(helpers()) - before
    helper.send_signal(signal.SIGKILL)
    assert opened.open(GOOD["png"]).rgb.shape == (96, 96, 3)
    opened.close()


def test_a_machine_that_cannot_start_a_helper_is_a_passing_fault_and_opens_nothing_unfenced() -> None:
    with pytest.raises(OSError, match="No such file"):
        PhotoProcesses(program=("/nowhere/at-all",)).open(GOOD["jpeg"])
    with pytest.raises(OSError, match="could not be started"):
        PhotoProcesses(program=(sys.executable, "-c", "raise SystemExit(1)")).open(GOOD["jpeg"])


def test_an_interrupted_wait_leaves_no_answer_to_be_taken_for_the_next_photos() -> None:
    class TimeLimit(Exception):
        pass

    def interrupt(*_: object) -> None:
        raise TimeLimit

    opened = PhotoProcesses(1, seconds=30, program=BAD)
    opened.fences()
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(TimeLimit):
            opened.open(b"spin")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert np.array_equal(opened.open(GOOD["jpeg"]).rgb, open_photo(GOOD["jpeg"]).rgb)
    opened.close()


# --- beginnings and ends ------------------------------------------------------------------------------------


def test_helpers_end_with_their_owner() -> None:
    opened = PhotoProcesses(1)
    before = set(helpers())
    opened.open(GOOD["jpeg"])
    (helper,) = set(helpers()) - before
    del opened
    gc.collect()
    assert not helper.is_running()


def test_helpers_end_with_a_process_that_was_killed() -> None:
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); from core.photo.sandbox_client import PhotoProcesses;"
        "p = PhotoProcesses(1); p.fences(); print('ready', flush=True); time.sleep(60)"
    )
    owner = psutil.Popen([sys.executable, "-c", code, str(Path(__file__).parents[3])], stdout=-1)
    with owner:
        assert owner.stdout.readline() == b"ready\n"
        (helper,) = owner.children()
        owner.kill()
        owner.wait()
    helper.wait(timeout=20)


def _open_in_fork(processes: PhotoProcesses, name: str, told: multiprocessing.Queue[int]) -> None:
    told.put(int(processes.open(GOOD[name]).rgb.sum()))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_daemonic_child_after_a_fork_has_helpers_of_its_own(processes: PhotoProcesses) -> None:
    """As in Celery's prefork pool, whose children may have no children through multiprocessing."""
    processes.open(GOOD["jpeg"])
    context = multiprocessing.get_context("fork")
    told: multiprocessing.Queue[int] = context.Queue()
    child = context.Process(target=_open_in_fork, args=(processes, "webp", told), daemon=True)
    child.start()
    assert told.get(timeout=60) == int(open_photo(GOOD["webp"]).rgb.sum())
    child.join(20)
    assert child.exitcode == 0
    assert np.array_equal(processes.open(GOOD["png"]).rgb, open_photo(GOOD["png"]).rgb)


def test_a_helper_loads_no_model_library() -> None:
    opened = PhotoProcesses(1)
    before = set(helpers())
    opened.open(GOOD["heif"])
    (helper,) = set(helpers()) - before
    assert helper.memory_info().rss < 120 * 2**20
    opened.close()
