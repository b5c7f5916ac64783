"""docker-compose.yml is valid, and keeps every promise of its first lines."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from childface.settings import Settings, variable
from tests.support.command_lines import require_command
from tests.support.processes.compose_file import (
    FILE,
    ROOT,
    command_of,
    composition,
    health_of,
    ours,
    read_yaml,
    seconds,
    services,
)

BIN = Path(sys.executable).parent
ONE_SHOT = {"migrate"}
PUBLISHED = {"grafana", "flower"}
SECRET_WORDS = re.compile(r"password|token|secret", re.IGNORECASE)

every_service = pytest.mark.parametrize("name", sorted(services()))
each_of_ours = pytest.mark.parametrize("name", sorted(ours()))


def test_the_file_is_what_the_compose_specification_calls_valid() -> None:
    checker = [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", FILE]
    ran = subprocess.run(checker, capture_output=True, text=True)

    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_what_the_specification_does_not_know_is_noticed(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(FILE.read_text().replace("stop_grace_period: 320s", "grace: 320s"))
    checker = [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", wrong]

    assert subprocess.run(checker, capture_output=True).returncode == 1


@every_service
def test_a_service_may_do_little(name: str) -> None:
    service = services()[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"] and "cap_add" not in service and "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["ulimits"]["core"] == 0
    assert service.get("network_mode") is None and "/var/run/docker.sock" not in str(service)
    limits = service["deploy"]["resources"]["limits"]
    assert {"cpus", "memory", "pids"} <= set(limits)


@every_service
def test_a_service_is_not_root(name: str) -> None:
    service = services()[name]
    if "build" in service:  # the image says who; test_dockerfile.py looks
        assert "user" not in service
    else:
        assert service["user"].split(":")[0] not in ("", "0", "root")


@every_service
def test_a_service_says_how_it_is(name: str) -> None:
    service = services()[name]
    if name in ONE_SHOT:
        assert service["restart"] == "no" and service["healthcheck"] == {"disable": True}
        return
    assert service["restart"] == "unless-stopped"
    assert health_of(service)
    assert seconds(service["healthcheck"]["timeout"]) < seconds(service["healthcheck"]["interval"])


@every_service
def test_a_service_has_time_to_end(name: str) -> None:
    assert seconds(services()[name]["stop_grace_period"]) > 10  # Docker's own default, too short for a picture


@each_of_ours
def test_a_worker_may_finish_what_it_draws(name: str) -> None:
    if "worker" in name:
        assert seconds(services()[name]["stop_grace_period"]) > Settings(_env_file=None).hard_limit


@every_service
def test_a_service_waits_for_what_it_needs(name: str) -> None:
    for other, how in services()[name].get("depends_on", {}).items():
        wanted = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        assert how["condition"] == wanted


def test_nothing_is_published_but_to_this_machine() -> None:
    published = {name: service["ports"] for name, service in services().items() if "ports" in service}

    assert set(published) == PUBLISHED
    for ports in published.values():
        assert all(port.startswith("127.0.0.1:") for port in ports)


def test_who_keeps_the_data_reaches_nobody_outside() -> None:
    networks = composition()["networks"]
    inside = {name for name, network in networks.items() if network.get("internal")}

    assert inside == {"store", "watch"}
    for name in ("postgres", "redis", "purge", "migrate", "worker-draw", "worker-refine", "worker-gpu", "prometheus"):
        assert set(services()[name]["networks"]) <= inside, name
    for name in ("prometheus", "grafana"):
        assert "store" not in services()[name]["networks"]


@each_of_ours
def test_only_who_starts_first_may_write_the_key(name: str) -> None:
    (mounted,) = [volume for volume in services()[name]["volumes"] if volume.startswith("key:")]

    assert mounted == ("key:/key" if name == "migrate" else "key:/key:ro")


@every_service
def test_no_secret_stands_in_an_environment_or_an_argument(name: str) -> None:
    service = services()[name]
    for key, value in service.get("environment", {}).items():
        if SECRET_WORDS.search(key):
            assert str(value).startswith("/run/secrets"), key
    assert not re.search(r"://[^/\s]*:[^/$\s]+@", str(service)), "a password in an address"
    assert set(re.findall(r"/run/secrets/(\w+)", str(service))) <= set(service.get("secrets", []))


def test_every_secret_is_a_file_that_the_script_makes(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy", ignore=shutil.ignore_patterns("secrets"))
    script = ["sh", tmp_path / "deploy" / "make-secrets.sh"]
    environment = {"PATH": "/usr/bin:/bin", "TELEGRAM_TOKEN": "1:a"}
    subprocess.run(script, check=True, capture_output=True, env=environment)
    files = {name: tmp_path / secret["file"] for name, secret in composition()["secrets"].items()}

    assert sorted(path.name for path in (tmp_path / "deploy" / "secrets").iterdir()) == sorted(files)
    first = {name: path.read_text() for name, path in files.items()}
    assert first["telegram_token"] == "1:a" and first["discord_token"] == ""
    passwords = [text for name, text in first.items() if name.endswith("password")]
    assert all(re.fullmatch("[0-9a-f]{48}", text) for text in passwords) and len(set(passwords)) == len(passwords)
    assert stat.S_IMODE((tmp_path / "deploy" / "secrets").stat().st_mode) == 0o700

    subprocess.run(script, check=True, capture_output=True, env={"PATH": "/usr/bin:/bin"})
    assert {name: path.read_text() for name, path in files.items()} == first


@each_of_ours
def test_every_secret_of_ours_is_a_setting(name: str) -> None:
    known = {variable(field).lower() for field in Settings.model_fields}

    assert set(services()[name]["secrets"]) <= known


def test_every_variable_of_ours_is_a_setting() -> None:
    files = FILE, ROOT / "Dockerfile", ROOT / "deploy" / "childface.env.example"
    named = {word for file in files for word in re.findall(r"\bCHILDFACE_[A-Z_]+\b", file.read_text())}
    known = {variable(field) for field in Settings.model_fields} | {"CHILDFACE_SECRETS_DIR", "CHILDFACE_VERSION"}

    assert named <= known


def test_every_file_that_is_mounted_or_copied_exists() -> None:
    named = [config["file"] for config in composition()["configs"].values()]
    named += [
        volume.split(":")[0] for s in services().values() for volume in s.get("volumes", []) if volume.startswith("./")
    ]

    assert [name for name in named if not (ROOT / name).exists()] == []
    for service in services().values():
        assert {entry["source"] for entry in service.get("configs", [])} <= set(composition()["configs"])
        volumes = {volume.split(":")[0] for volume in service.get("volumes", []) if not volume.startswith("./")}
        assert volumes <= set(composition()["volumes"])


@each_of_ours
def test_every_command_of_ours_exists(name: str) -> None:
    command = command_of(services()[name])
    lines = re.findall(r"childface [^&|;]+", command[-1]) if command[0] == "sh" else [" ".join(command)]

    assert lines
    for line in lines:
        require_command(line)
    if name not in ONE_SHOT:
        require_command(" ".join(health_of(services()[name])))


def test_all_queues_are_served_with_and_without_a_gpu() -> None:
    from tasks.queue import QUEUES

    for profile in ("cpu", "gpu"):
        served = []
        for service in services().values():
            if service.get("profiles") == [profile]:
                command = command_of(service)
                served += command[command.index("--queues") + 1].split(",")
        assert sorted(served) == sorted(QUEUES), profile


def test_prometheus_asks_services_that_are_there() -> None:
    asked = read_yaml(ROOT / "deploy" / "prometheus.yml")
    named = {
        (name, lookup["port"])
        for job in asked["scrape_configs"]
        for lookup in job.get("dns_sd_configs", [])
        for name in lookup["names"]
    }
    told = {
        (name, int(service["environment"]["CHILDFACE_METRICS_PORT"]))
        for name, service in ours().items()
        if "watch" in service["networks"]
    }

    assert named == told


def test_alerts_ask_for_numbers_that_are_told() -> None:
    from observability.metrics import names

    rules = [rule for group in read_yaml(ROOT / "deploy" / "alerts.yml")["groups"] for rule in group["rules"]]
    asked = {name for rule in rules for name in re.findall(r"childface_\w+", rule["expr"])}

    assert asked and asked <= set(names())


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (apt-get install prometheus)")
def test_prometheus_itself_finds_its_files_in_order(tmp_path: Path) -> None:
    for name in ("prometheus.yml", "alerts.yml"):
        shutil.copy(ROOT / "deploy" / name, tmp_path)
    ran = subprocess.run(["promtool", "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True)

    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_grafana_finds_its_data_and_its_boards() -> None:
    provisioning = ROOT / "deploy" / "grafana" / "provisioning"
    (source,) = read_yaml(provisioning / "datasources" / "prometheus.yml")["datasources"]
    (provider,) = read_yaml(provisioning / "dashboards" / "childface.yml")["providers"]
    mounted = dict(volume.split(":")[:2] for volume in services()["grafana"]["volumes"])

    assert source["url"] == "http://prometheus:9090"
    assert provider["options"]["path"] in mounted.values()
