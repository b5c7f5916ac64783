"""Real PostgreSQL and Redis servers for tests, from the Debian packages, in a temporary directory.

    apt-get install postgresql redis-server

Each starts at most once per test run, when the first test asks for it. A test is skipped when the programs are not
there, unless CHILDFACE_REQUIRE_SERVERS is set: then it fails, so a machine that should have them cannot stay silent.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest
from psycopg import sql

REQUIRED = "CHILDFACE_REQUIRE_SERVERS"
_PATIENCE = 60.0
"""Seconds for a server to start or stop on a busy machine."""


class PostgresServer:
    """One PostgreSQL, reached through a Unix socket; everyone on this machine may enter as its owner.

    With a `password` also through TCP, by those who know it.
    """

    def __init__(self, programs: Path, home: Path, *, owner: str = "postgres", password: str | None = None) -> None:
        self._programs = programs
        self.home = home
        self._data = home / "data"
        self._owner = owner
        self._password = password
        self.port = free_port() if password else 5432
        self._process: subprocess.Popen[bytes] | None = None
        # The server refuses to run as root.
        self._account = _account_for_servers() if os.geteuid() == 0 else None

    def create(self, more: Sequence[str] = ()) -> None:
        """Make an empty cluster. `more` are further arguments of initdb."""
        if self._account is not None:
            os.chown(self.home, self._account.pw_uid, self._account.pw_gid)
        options = [f"--username={self._owner}", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", *more]
        if self._password:
            secret = self.home / "password"
            secret.write_text(self._password)
            options.append(f"--pwfile={secret}")
        subprocess.run(
            [self._programs / "initdb", "--pgdata", self._data, *options],
            check=True,
            stdout=subprocess.DEVNULL,
            **self._identity(),
        )

    def start(self, more: Sequence[str] = ()) -> None:
        """Start, and wait until it answers. Data survives a killed process, not a power cut."""
        settings = {
            "listen_addresses": "127.0.0.1" if self._password else "",
            "port": str(self.port),
            "unix_socket_directories": str(self.home),
            "fsync": "off",  # but commits stay synchronous: without, a killed server forgets the last ones
            "full_page_writes": "off",
            "max_connections": "60",
            "shared_buffers": "16MB",
        }
        with open(self.home / "log", "ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, *(f"--{k}={v}" for k, v in settings.items()), *more],
                stdout=log,
                stderr=log,
                **self._identity(),
            )
        _wait_until(self._answers, self._process, self.home / "log")

    def stop(self, how: signal.Signals = signal.SIGINT) -> int | None:
        """Stop: SIGINT breaks off connections and closes properly, SIGQUIT is as good as a crash. The exit code."""
        if self._process is None:
            return None
        self._process.send_signal(how)
        code, self._process = self._process.wait(_PATIENCE), None
        return code

    def url(self, database: str = "postgres") -> str:
        """Address for SQLAlchemy."""
        return f"postgresql+psycopg://{self._owner}@/{database}?host={self.home}&port={self.port}"

    def create_database(self, *, template: str = "template0", name: str | None = None) -> str:
        """A fresh database, a copy of `template`; returns its name."""
        name = name or f"test_{uuid.uuid4().hex}"
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, template)
        return name

    def drop_database(self, name: str) -> None:
        """Drop it, whoever is still connected."""
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def dump(self, name: str) -> bytes:
        """All of a database, as pg_dump writes it."""
        ran = subprocess.run(
            [self._programs / "pg_dump", *self._whom(), "--format=custom", name], capture_output=True, check=True
        )
        return ran.stdout

    def restore(self, name: str, dump: bytes) -> None:
        """Read what `dump` wrote into an empty database."""
        subprocess.run([self._programs / "pg_restore", *self._whom(), f"--dbname={name}"], input=dump, check=True)

    def _whom(self) -> list[str]:
        return [f"--host={self.home}", f"--port={self.port}", f"--username={self._owner}"]

    def _execute(self, statement: str, *names: str) -> None:
        with self._connect() as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.home), port=self.port, user=self._owner, dbname="postgres", autocommit=True
        )

    def _identity(self) -> dict[str, Any]:
        """Arguments of subprocess that drop root, and a folder that the account may enter."""
        if self._account is None:
            return {"cwd": self.home}
        return {
            "cwd": self.home,
            "user": self._account.pw_uid,
            "group": self._account.pw_gid,
            "extra_groups": [],
            "env": {"PATH": os.environ["PATH"], "LC_ALL": "C"},
        }


class RedisServer:
    """One Redis on a free port of 127.0.0.1. `keep_data` writes every command to disk, for tests that kill it."""

    def __init__(self, program: Path, home: Path, *, keep_data: bool = False, password: str | None = None) -> None:
        self._program = program
        self.home = home
        self._keep_data = keep_data
        self._password = password
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    def start(self) -> None:
        """Start (again, on the same port), and wait until it answers."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.home)]
        options += ["--appendonly", "yes" if self._keep_data else "no", "--appendfsync", "always"]
        if self._password:
            options += ["--requirepass", self._password]
        with open(self.home / "log", "ab") as log:
            self._process = subprocess.Popen([self._program, *options], stdout=log, stderr=log)
        _wait_until(self._answers, self._process, self.home / "log")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop; SIGKILL is a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(_PATIENCE)
            self._process = None

    def forget_data(self) -> None:
        """Lose everything, as after a restart without persistence; call while it is stopped."""
        for leftover in self.home.glob("appendonlydir*"):
            shutil.rmtree(leftover)

    def url(self, database: int = 0) -> str:
        """Address for redis-py and Celery."""
        secret = f":{self._password}@" if self._password else ""
        return f"redis://{secret}127.0.0.1:{self.port}/{database}"

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running PostgreSQL, shared by the whole run: make a database of your own in it."""
    programs = postgres_programs()
    # A Unix socket's path may have 107 bytes; pytest's own temporary folders come close to that.
    home = Path(tempfile.mkdtemp(prefix="childface-pg-"))
    server = PostgresServer(programs, home)
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.stop(signal.SIGQUIT)  # nobody needs a tidy end
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A running Redis, shared by the whole run: use a database number or key prefix of your own."""
    program = redis_program()
    home = Path(tempfile.mkdtemp(prefix="childface-redis-"))
    server = RedisServer(program, home)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(home)


def postgres_programs() -> Path:
    """The folder with initdb and postgres of the newest version, for tests that need a server of their own to kill."""
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(found, key=lambda path: float(path.parent.parent.name), default=None)
    if newest is None:
        not_here("PostgreSQL", "postgresql")
    return newest.parent


def redis_program() -> Path:
    """Where redis-server is, for tests that need one of their own to kill; skips (or fails) when it is nowhere."""
    found = shutil.which("redis-server", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found is None:
        not_here("Redis", "redis-server")
    return Path(found)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def not_here(name: str, package: str) -> NoReturn:
    """Skip the test, or fail it where the server is required."""
    reason = f"{name} IS NOT TESTED: its programs are not installed (apt-get install {package})"
    if os.environ.get(REQUIRED):
        pytest.fail(f"{reason}, but {REQUIRED} says they must be")
    pytest.skip(reason)


def _account_for_servers() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("neither postgres nor nobody is a user of this machine")


def _wait_until(answers: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise RuntimeError(f"the server did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.02)
