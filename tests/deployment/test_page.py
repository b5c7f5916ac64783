"""docs/deployment.md tells people to type what exists, and its Kubernetes objects run the same program as Compose."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ruamel.yaml import YAML

from childface.settings import Settings, variable
from tests.deployment.test_systemd import TIMERS, UNITS
from tests.support.command_lines import require_command
from tests.support.processes.compose_file import ROOT, composition, ours, services

PAGE = (ROOT / "docs" / "deployment.md").read_text()
SHELL = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)).replace("\\\n", " ")
INSIDE = sorted(set(re.findall(r"(?:migrate |/bin/)(childface [^'#\n]+)", SHELL)))


def objects() -> list[dict[str, Any]]:
    """The Kubernetes objects of the page."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    return [found for block in blocks for found in YAML(typ="safe").load_all(block)]


def containers() -> list[dict[str, Any]]:
    return [
        container
        for found in objects()
        for container in found["spec"].get("template", {}).get("spec", {}).get("containers", [])
    ]


@pytest.mark.parametrize("line", INSIDE)
def test_a_command_that_is_run_inside_a_container_or_for_a_user_exists(line: str) -> None:
    require_command(line.strip())


def test_some_commands_were_found() -> None:
    assert len(INSIDE) >= 3


def test_compose_is_told_services_and_profiles_that_it_has() -> None:
    profiles = {profile for service in services().values() for profile in service.get("profiles", [])}

    assert set(re.findall(r"--profile (\w+)", SHELL)) <= profiles
    assert set(re.findall(r"`(\w+)`", PAGE.split("Profiles choose")[1].split("So that")[0])) == profiles
    assert set(re.findall(r"--scale ([\w-]+)=", PAGE)) <= set(services())
    assert set(re.findall(r"(?:exec|run --rm --no-deps)(?: -T)? ([\w-]+)", SHELL)) <= set(services())
    assert set(re.findall(r"/([a-z]+)/key\b", SHELL)) == {"key"}


def test_every_service_stands_on_the_page() -> None:
    table = PAGE.split("## What runs")[1].split("##")[0]

    assert set(re.findall(r"`([\w-]+)`", table)) >= set(services())


def test_every_unit_stands_on_the_page() -> None:
    for unit in [*UNITS, *TIMERS]:
        assert unit.stem in PAGE and "deploy/systemd/*" in PAGE


def test_the_objects_of_kubernetes_run_what_compose_runs() -> None:
    commands = [container["command"] for container in containers()]
    known = [list(map(str, service["command"])) for service in ours().values()]

    for command in commands:
        require_command(" ".join(command))
        assert command in known or command == ["childface", "db", "upgrade"]
    for container in containers():
        names = {entry["name"] for entry in container["env"]}
        assert names <= {variable(field) for field in Settings.model_fields} | {"CHILDFACE_SECRETS_DIR"}
        assert not any("PASSWORD" in name or "TOKEN" in name for name in names)
        for probe in ("startupProbe", "livenessProbe"):
            if probe in container:
                require_command(" ".join(container[probe]["exec"]["command"]))


def test_what_is_mounted_is_a_volume_of_the_pod() -> None:
    for found in objects():
        pod = found["spec"].get("template", {}).get("spec", {})
        volumes = {volume["name"] for volume in pod.get("volumes", [])}
        for container in pod.get("containers", []):
            assert {mount["name"] for mount in container["volumeMounts"]} == volumes


def test_a_pod_may_as_little_as_a_container() -> None:
    (deployment,) = [found for found in objects() if found["kind"] == "Deployment"]
    pod = deployment["spec"]["template"]["spec"]
    (worker,) = pod["containers"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert worker["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert f"{pod['terminationGracePeriodSeconds']}s" == services()["worker-draw"]["stop_grace_period"]


def test_what_scales_asks_for_a_number_that_is_told() -> None:
    from observability.metrics import names

    (scaler,) = [found for found in objects() if found["kind"] == "ScaledObject"]
    (trigger,) = scaler["spec"]["triggers"]
    asked = set(re.findall(r"childface_\w+", trigger["metadata"]["query"]))

    assert asked and asked <= set(names())
    assert scaler["spec"]["scaleTargetRef"]["name"] in services()


def test_volumes_of_the_page_are_those_of_the_file() -> None:
    assert {"blobs", "key"} <= set(composition()["volumes"])
