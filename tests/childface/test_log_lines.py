"""What a line looks like: for people, for machines, and for lines that libraries write."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from childface.logging_setup import discreet_handler
from observability.logs import about, get_logger


class Log:
    """What one handler writes of everything below `childface.tests` and of one logger of Celery's."""

    def __init__(self, *, as_json: bool) -> None:
        self.stream = io.StringIO()
        self.handler = discreet_handler(stream=self.stream, as_json=as_json)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture(params=[True])
def log(request: pytest.FixtureRequest) -> Iterator[Log]:
    log = Log(as_json=request.param)
    root = logging.getLogger()
    level = root.level
    root.addHandler(log.handler)
    root.setLevel(logging.INFO)
    yield log
    root.removeHandler(log.handler)
    root.setLevel(level)


def test_a_line_for_machines_is_one_object_with_time_level_logger_and_fields(log: Log) -> None:
    get_logger("tasks.jobs.job_runner").warning("an attempt failed", attempts=2, fault="StorageUnavailable")

    [line] = log.objects
    moment = line.pop("timestamp")
    assert moment.endswith("Z") and moment[10] == "T"
    assert line == {
        "event": "an attempt failed",
        "level": "warning",
        "logger": "tasks.jobs.job_runner",
        "attempts": 2,
        "fault": "StorageUnavailable",
    }


@pytest.mark.parametrize("log", [False], indirect=True)
def test_a_line_for_people_says_the_same_without_colours_in_a_file(log: Log) -> None:
    with about(job="a1b2"):
        get_logger("tasks.jobs.job_runner").info("answered", code="no_face")

    assert log.text.count("\n") == 1 and "\x1b" not in log.text
    for part in ("info", "answered", "tasks.jobs.job_runner", "code=no_face", "job=a1b2"):
        assert part in log.text


def test_libraries_lines_within_a_job_name_it_too(log: Log) -> None:
    with about(job="a1b2"):
        logging.getLogger("sqlalchemy.pool").warning("connection %s is gone", "of somebody"[:10])
    logging.getLogger("sqlalchemy.pool").warning("later")

    assert [line.get("job") for line in log.objects] == ["a1b2", None]


def test_celerys_lines_about_a_task_name_its_job(log: Log) -> None:
    context = {"id": "a1b2.0099ffee", "name": "tasks.make_child", "args": "['a1b2']"}
    logging.getLogger("celery.app.trace").info("Task %(name)s[%(id)s] succeeded", context, extra={"data": context})

    [line] = log.objects
    assert line["job"] == "a1b2" and "args" not in line and "data" not in line


def test_fields_that_nobody_declared_are_not_written(log: Log) -> None:
    logging.getLogger("some.library").warning(
        "update", extra={"chat": 471147114711, "caption": "words of mine", "code": "x"}
    )

    [line] = log.objects
    assert line["code"] == "x"
    assert "471147114711" not in log.text and "words" not in log.text


def test_of_an_exception_the_kind_and_the_places_become_fields(log: Log) -> None:
    try:
        raise ValueError("words of mine")
    except ValueError:
        get_logger("tasks.jobs.job_runner").exception("failed")

    [line] = log.objects
    assert line["fault"] == "ValueError" and "test_log_lines.py" in line["exception"]
    assert "words of mine" not in log.text


def test_nothing_is_printed_where_nobody_set_up_logging(capsys: pytest.CaptureFixture[str]) -> None:
    get_logger("tasks.nobody-listens").info("a line", code="x")

    assert capsys.readouterr() == ("", "")


def test_colours_are_for_terminals_only() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    record = logging.LogRecord("tasks", logging.INFO, __file__, 1, "a line", None, None)
    discreet_handler(stream=stream).emit(record)
    assert "\x1b" in stream.getvalue()
    assert sys.stderr is not stream
