"""How a worker shares a machine among its processes, and that its parent touches neither torch nor CUDA."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tasks.workers import resources

PARENT = """
import sys
from datetime import timedelta
import childface.cli.main, childface.cli.run, childface.bootstrap, childface.ops.metrics_server
from childface.settings import Settings
from tasks.app import register
from tasks.broker import create_celery
from tasks.workers.housekeeping import Housekeeping
from tasks.workers.heartbeat import pulse
from tasks.workers.resources import processes, share_cores
from tasks.workers.worker import run_worker

settings = Settings(_env_file=None, broker_url="redis://localhost")
config = childface.bootstrap.task_config(settings)
context = childface.bootstrap.task_context(settings, config, lambda settings: 1 / 0)
register(create_celery(config), context)
Housekeeping(context, waited_too_long=timedelta(1), process_forks=True)
share_cores(processes())
print(*[name for name in ("torch", "core.pipeline", "core.modeling.generator", "openvino") if name in sys.modules])
"""


def test_nothing_that_could_touch_cuda_is_loaded_before_the_fork() -> None:
    ran = subprocess.run([sys.executable, "-c", PARENT], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""


@pytest.mark.parametrize(("cores", "count"), [(1, 1), (2, 1), (3, 1), (4, 2), (16, 8)])
def test_without_a_gpu_there_is_a_process_for_two_cores(
    monkeypatch: pytest.MonkeyPatch, cores: int, count: int
) -> None:
    monkeypatch.setattr(resources, "cores", lambda: cores)
    monkeypatch.setattr(resources, "cards", lambda: [])
    assert resources.processes() == count
    assert resources.threads_each(count) == max(cores // count, 1)


def test_each_gpu_has_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / name).mkdir()
    assert resources.cards({}, tmp_path) == ["0", "1"]
    monkeypatch.setattr(resources, "cards", lambda: ["0", "1"])
    assert resources.processes() == 2


def test_gpus_that_are_hidden_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "0000:01:00.0").mkdir()
    assert resources.cards({"CUDA_VISIBLE_DEVICES": ""}, tmp_path) == []
    assert resources.cards({"CUDA_VISIBLE_DEVICES": "-1"}, tmp_path) == []
    assert resources.cards({"CUDA_VISIBLE_DEVICES": "3, 1"}, tmp_path) == ["3", "1"]


def test_children_see_one_gpu_each() -> None:
    seen = []
    for index in range(3):
        environ = {"CUDA_VISIBLE_DEVICES": "3,1"}
        resources.take_card(index, environ)
        seen.append(environ["CUDA_VISIBLE_DEVICES"])
    assert seen == ["3", "1", "3"]


def test_openmp_is_told_to_share_unless_somebody_told_it_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "cores", lambda: 8)
    environ: dict[str, str] = {}
    resources.share_cores(4, environ)
    assert environ == {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "2"}
    resources.share_cores(1, environ)
    assert environ["OMP_NUM_THREADS"] == "2"
