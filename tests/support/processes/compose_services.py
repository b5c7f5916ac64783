"""Runs the services of docker-compose.yml as processes of this machine: their commands, variables, secrets and checks.

Only what cannot be the same is replaced, in all of them alike: names of hosts by 127.0.0.1 with a free port, and the
folders of a container by temporary ones. What a service is not given there, it does not have here either.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.deployment.test_dockerfile import with_its_bases
from tests.support.processes.compose_file import (
    ROOT,
    Service,
    command_of,
    composition,
    health_of,
    seconds,
    services,
)
from tests.support.servers import PostgresServer, free_port, postgres_programs, redis_program

PATIENCE = 90.0
BIN = Path(sys.executable).parent


def wait_until(holds: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    end = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.1)


class ComposeServices:
    """PostgreSQL, folders and secrets that all services share; `stop()` ends whatever runs."""

    def __init__(self, home: Path, weights: Path, tokens: Mapping[str, str]) -> None:
        self.home = home
        self.weights = weights
        self._running: list[Process] = []
        self.broker_port = free_port()
        shutil.copytree(ROOT / "deploy", home / "deploy", ignore=shutil.ignore_patterns("secrets"))
        environment = {"PATH": os.environ["PATH"], **tokens}
        subprocess.run(
            ["sh", home / "deploy" / "make-secrets.sh"], check=True, env=environment, stderr=subprocess.DEVNULL
        )
        # A Unix socket's path may have 107 bytes.
        self._database_home = Path(tempfile.mkdtemp(prefix="childface-pg-"))
        self.postgres = PostgresServer(
            postgres_programs(),
            self._database_home,
            owner=services()["postgres"]["environment"]["POSTGRES_USER"],
            password=self.secret("childface_database_password"),
        )

    def secret(self, name: str) -> str:
        return (self.home / composition()["secrets"][name]["file"]).read_text()

    def start_postgres(self) -> None:
        """As the image would: a cluster with the owner's password, the named database, then the command."""
        service = services()["postgres"]
        self.postgres.create(service["environment"]["POSTGRES_INITDB_ARGS"].split())
        program, *arguments = command_of(service)
        assert program == "postgres"
        self.postgres.start(arguments)
        self.postgres.create_database(name=service["environment"]["POSTGRES_DB"])

    def run(self, name: str, **more: str) -> Process:
        """Start a service; `more` are further variables."""
        process = Process(self, name, services()[name], more)
        self._running.append(process)
        return process

    @contextmanager
    def another_broker(self) -> Iterator[None]:
        """Services that are started meanwhile look for Redis on a port of their own; the others' is left alone."""
        shared, self.broker_port = self.broker_port, free_port()
        try:
            yield
        finally:
            self.broker_port = shared

    def stop(self) -> None:
        for process in self._running:
            process.kill()
        self.postgres.stop(signal.SIGQUIT)
        shutil.rmtree(self._database_home)


class Process:
    """A running service."""

    def __init__(self, app: ComposeServices, name: str, service: Service, more: Mapping[str, str]) -> None:
        self._house = app
        self._service = service
        self.name = name
        self.metrics_port = free_port()
        self.home = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=app.home))
        self._grant_secrets()
        self._lay_configs()
        self.environment = {**self._variables(), **more}
        self.log = self.home / "log"
        self._command = [self._here(word) for word in self._program(command_of(service))]
        self._health = [self._here(word) for word in health_of(service)] if "test" in service["healthcheck"] else []
        self.start_again()

    def start_again(self) -> None:
        """With the folders that it had."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                env=self.environment,
                cwd=self._folder("cwd"),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def healthy(self) -> bool:
        """What the health check says."""
        ran = subprocess.run(self._health, env=self.environment, cwd=self._folder("cwd"), capture_output=True)
        return ran.returncode == 0

    def wait_until_healthy(self) -> None:
        def holds() -> bool:
            assert self.process.poll() is None, f"{self.name} ended with {self.process.returncode}:\n{self.said()}"
            return self.healthy()

        wait_until(holds, f"{self.name} is healthy\n{self.said()}")

    def stop(self) -> tuple[int, float]:
        """As `docker stop`: the signal, and the grace that the file gives. The exit code, and how long it took."""
        began = time.monotonic()
        self.process.send_signal(signal.Signals[self._service.get("stop_signal", "SIGTERM")])
        code = self.process.wait(seconds(self._service["stop_grace_period"]))
        return code, time.monotonic() - began

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]

    def words(self) -> str:
        """Its arguments and those of its children, as anybody on the machine can read them."""
        everybody = psutil.Process(self.process.pid)
        return "\n".join(" ".join(one.cmdline()) for one in (everybody, *everybody.children(recursive=True)))

    def _program(self, command: list[str]) -> list[str]:
        return command

    def _variables(self) -> dict[str, str]:
        """The image's, then the file's. Nothing of whoever runs the tests but where programs and our code are."""
        image: dict[str, str] = {}
        if "build" in self._service:
            for stage in reversed(with_its_bases(self._service["build"]["target"])):
                for words in stage.all("ENV"):
                    image |= dict(pair.split("=", 1) for pair in words.split())
        both = {**image, **self._service.get("environment", {})}
        here = {name: self._here(str(value)) for name, value in both.items()}
        return {
            **here,
            "PATH": f"{BIN}:{os.environ['PATH']}:/usr/sbin:{redis_program().parent}",
            "PYTHONPATH": str(ROOT),
        }

    def _here(self, text: str) -> str:
        """The same for this machine."""
        if text == sys.executable:
            return text  # wherever the checkout is, also below /tmp
        folders = {
            "/run/secrets": self._folder("secrets"),
            "/etc/childface": self._folder("configs"),
            "/weights": self._house.weights,
            "/key": self._shared("key"),
            "/data": self._shared("data"),
            "/tmp": self._folder("tmp"),
        }
        # All in one go: what they stand for begins with /tmp itself.
        pattern = rf"(?<![\w/])({'|'.join(folders)})(?=$|[/\s;\")])"
        text = re.sub(pattern, lambda found: str(folders[found[1]]), text)
        text = text.replace("@postgres:5432", f"@127.0.0.1:{self._house.postgres.port}")
        text = text.replace("redis:6379", f"127.0.0.1:{self._house.broker_port}")
        text = text.replace("redis-cli ", f"redis-cli -p {self._house.broker_port} ")
        return str(self.metrics_port) if text == "9100" else text

    def _folder(self, name: str) -> Path:
        folder = self.home / name
        folder.mkdir(exist_ok=True)
        return folder

    def _shared(self, name: str) -> Path:
        folder = self._house.home / "volumes" / name
        folder.mkdir(exist_ok=True, parents=True)
        return folder

    def _grant_secrets(self) -> None:
        for name in self._service.get("secrets", []):
            (self._folder("secrets") / name).write_text(self._house.secret(name))

    def _lay_configs(self) -> None:
        for entry in self._service.get("configs", []):
            source = self._house.home / composition()["configs"][entry["source"]]["file"]
            text = source.read_text().replace("port 6379", f"port {self._house.broker_port}")
            text = text.replace("bind * -::*", "bind 127.0.0.1")
            text = text.replace("dir /data", f"dir {self._folder('data')}")
            (self._folder("configs") / Path(entry["target"]).name).write_text(text)
