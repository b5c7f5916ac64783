"""A container's CPU quota, as cgroups v1 and v2 tell it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.runtime import host

MANY = set(range(16))


@pytest.fixture(autouse=True)
def sixteen_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: MANY)


def quota(tmp_path: Path, own: str, files: dict[str, str]) -> int | None:
    (tmp_path / "own").write_text(own)
    for name, text in files.items():
        path = tmp_path / "mount" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return host.cpu_quota(tmp_path / "mount", tmp_path / "own")


V1 = "4:memory:/docker/a\n3:cpu,cpuacct:/docker/a\n"


@pytest.mark.parametrize(
    ("own", "files", "cores"),
    [
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "5000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/\n", {"cpu.max": "3200000 100000\n"}, None),
        ("0::/\n", {}, None),
        ("0::/a/b\n", {"a/cpu.max": "300000 100000\n", "a/b/cpu.max": "max 100000\n"}, 3),
        ("0::/a/b\n", {"a/cpu.max": "800000 100000\n", "a/b/cpu.max": "400000 100000\n"}, 4),
        ("0::/elsewhere\n", {"cpu.max": "200000 100000\n"}, 2),
        (V1, {"cpu,cpuacct/cpu.cfs_quota_us": "250000\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"}, 3),
        (
            V1,
            {
                "cpu,cpuacct/docker/a/cpu.cfs_quota_us": "100000\n",
                "cpu,cpuacct/docker/a/cpu.cfs_period_us": "50000\n",
            },
            2,
        ),
        (V1, {"cpu,cpuacct/cpu.cfs_quota_us": "-1\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"}, None),
        ("0::/\n", {"cpu.max": "nonsense\n"}, None),
    ],
)
def test_a_quota_is_read_in_cores_rounded_up(
    tmp_path: Path, own: str, files: dict[str, str], cores: int | None
) -> None:
    assert quota(tmp_path, own, files) == cores


def test_without_cgroups_there_is_no_quota(tmp_path: Path) -> None:
    assert host.cpu_quota(tmp_path / "nowhere", tmp_path / "neither") is None


def test_cores_follow_the_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "cpu_quota", lambda: 3)
    assert host.cores() == 3
    monkeypatch.setattr(host, "cpu_quota", lambda: None)
    assert host.cores() == 16
