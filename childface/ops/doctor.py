"""Checks everything the program needs and says what is missing and how to fix it. Changes nothing."""

from __future__ import annotations

import platform
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from childface.settings import Settings

State = Literal["good", "note", "bad"]
"""`note`: works, or is not needed for everything; `bad`: the program cannot do its work."""

NEEDED_DISK = 500 * 2**20
NEEDED_MEMORY = 1_500 * 2**20


@dataclass(frozen=True)
class Finding:
    """One check."""

    name: str
    state: State
    says: str
    mend: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Every check, in order. A check that fails unexpectedly becomes a bad finding."""
    findings: list[Finding] = []
    for name, check in CHECKS.items():
        try:
            findings.extend(check(settings))
        except Exception as error:
            findings.append(Finding(name, "bad", f"could not be checked: {type(error).__name__}: {error}"))
    return findings


def report(findings: list[Finding]) -> dict[str, Any]:
    """The findings as JSON-able values."""
    return {
        "ok": all(finding.state != "bad" for finding in findings),
        "checks": [asdict(finding) for finding in findings],
    }


def _python(settings: Settings) -> Iterator[Finding]:
    version = platform.python_version()
    if (3, 11) <= sys.version_info[:2] < (3, 14):
        yield Finding("python", "good", version)
    else:
        yield Finding("python", "bad", version, "install Python 3.11, 3.12 or 3.13")


def _weights(settings: Settings) -> Iterator[Finding]:
    from childface import weights

    for found in weights.verify(settings.weights_dir):
        state: State = "good" if found.state == "good" else "bad"
        mend = "" if state == "good" else "childface weights fetch"
        yield Finding(f"weights {found.name}", state, f"{found.state} ({found.source}) in {found.path.parent}", mend)


def _own_weights(settings: Settings) -> Iterator[Finding]:
    """The ones that come with the program."""
    from safetensors import SafetensorError, safe_open

    import core
    from core.domain.errors import MissingWeights
    from core.modeling.weight_hashes import verified

    folder = Path(core.__file__).parent / "weights"
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        yield Finding("weights of our own", "bad", f"none in {folder}", "install ChildFace anew")
    for path in files:
        try:
            with safe_open(verified(path), "np") as tensors:
                count = len(tensors.keys())
            yield Finding(f"weights {path.name}", "good", f"{count} tensors")
        except (OSError, SafetensorError, MissingWeights) as error:
            yield Finding(f"weights {path.name}", "bad", f"damaged: {error}", "install ChildFace anew")


def _engine(settings: Settings) -> Iterator[Finding]:
    """The engine that will be used, determined without loading torch."""
    from core.engines.benchmark_cache import recall

    if settings.engine != "auto":
        yield Finding("engine", "good", f"{settings.engine}, as CHILDFACE_ENGINE says")
        return
    best = recall(settings.weights_dir)
    if best is None:
        yield Finding("engine", "note", "not measured; the likeliest is used", "childface doctor --bench")
    else:
        yield Finding("engine", "good", f"{best}, as measured")


def _database(settings: Settings) -> Iterator[Finding]:
    from storage import migrate
    from storage.database import normal_url

    address = normal_url(settings.database_url)
    shown = address.render_as_string(hide_password=True)
    if address.get_backend_name() == "sqlite" and not Path(address.database or "").exists():
        yield Finding("database", "note", f"{shown} is not there yet; the first start makes it")
        return
    try:
        now, wanted = migrate.current(settings.database_url), migrate.newest()
    except Exception as error:
        cause = str(getattr(error, "orig", error)).strip().splitlines()
        yield Finding("database", "bad", f"{shown}: {cause[0] if cause else error}", "start it, or mend the address")
        return
    if now == wanted:
        yield Finding("database", "good", f"{shown}, tables of {now}")
    else:
        yield Finding("database", "bad", f"{shown}: tables of {now}, needed {wanted}", "childface db upgrade")


def _broker(settings: Settings) -> Iterator[Finding]:
    from kombu import Connection
    from kombu.utils.url import maybe_sanitize_url

    shown = maybe_sanitize_url(settings.broker_url)
    if settings.embedded:
        yield Finding("broker", "good", "none needed: the worker runs in the same process")
        return
    try:
        with Connection(settings.broker_url, connect_timeout=3) as connection:
            connection.ensure_connection(max_retries=1, timeout=3)
        yield Finding("broker", "good", shown)
    except Exception as error:
        yield Finding("broker", "bad", f"{shown}: {error}", "start it, or mend CHILDFACE_BROKER_URL")


def _key(settings: Settings) -> Iterator[Finding]:
    from storage.encryption.keys import load_keys
    from storage.errors import KeyExposed, WrongKey

    path = settings.key_path
    if not path.exists():
        yield Finding("key", "note", f"{path} is not there yet; the first start makes it")
        return
    try:
        with suppress(KeyExposed):  # told below
            load_keys(path)
    except (WrongKey, OSError):
        yield Finding("key", "bad", f"{path} holds no key that can be read", "bring the right file back from a backup")
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        yield Finding("key", "bad", f"others may read {path} (mode {mode:o})", f"chmod 600 {path}")
    else:
        yield Finding("key", "good", f"{path}, mode {mode:o}")


def _tokens(settings: Settings) -> Iterator[Finding]:
    for name, token in (("TELEGRAM_TOKEN", settings.telegram_token), ("DISCORD_TOKEN", settings.discord_token)):
        if token is None or not token.get_secret_value():
            yield Finding(name, "note", "not set; only its bot needs it")
        else:
            yield Finding(name, "good", "set")


def _credentials(settings: Settings) -> Iterator[Finding]:
    """Whether pictures can be signed, where a certificate is named."""
    from childface.bootstrap import signature
    from core.domain.errors import CredentialsFault

    try:
        if signature(settings) is None:
            yield Finding("content credentials", "note", "no certificate; pictures are marked, but not signed")
        else:
            yield Finding("content credentials", "good", "pictures are signed")
    except CredentialsFault as fault:
        yield Finding(
            "content credentials", "bad", str(fault), "mend CHILDFACE_C2PA_CERTIFICATE and CHILDFACE_C2PA_KEY"
        )


def _photos(settings: Settings) -> Iterator[Finding]:
    """Whether strangers' photos are opened behind fences, and behind which."""
    from core.photo.sandbox_client import PhotoProcesses

    if settings.photo_processes == 0:
        yield Finding("photos", "note", "opened without a fence, as CHILDFACE_PHOTO_PROCESSES says")
        return
    processes = PhotoProcesses(1)
    try:
        fences = processes.fences()
    except OSError as error:
        yield Finding(
            "photos", "bad", f"no process can be started to open them: {error}", "look at the machine's limits"
        )
        return
    finally:
        processes.close()
    state: State = "good" if "seccomp" in fences else "bad" if settings.require_fence else "note"
    mend = "" if state == "good" else "on Linux, install libseccomp (Debian: libseccomp2)"
    yield Finding("photos", state, f"opened in a process of their own behind: {', '.join(fences)}", mend)


def _disk(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    state: State = "good" if free >= NEEDED_DISK else "bad"
    yield Finding("disk", state, f"{free / 2**30:.1f} GiB free at {folder}", "" if state == "good" else "make room")


def _memory(settings: Settings) -> Iterator[Finding]:
    import psutil

    free = psutil.virtual_memory().available
    state: State = "good" if free >= NEEDED_MEMORY else "note"
    mend = "" if state == "good" else "1.5 GiB are needed where the models run"
    yield Finding("memory", state, f"{free / 2**30:.1f} GiB free", mend)


CHECKS: dict[str, Callable[[Settings], Iterator[Finding]]] = {
    "python": _python,
    "weights": _weights,
    "weights of our own": _own_weights,
    "engine": _engine,
    "database": _database,
    "broker": _broker,
    "key": _key,
    "tokens": _tokens,
    "content credentials": _credentials,
    "photos": _photos,
    "disk": _disk,
    "memory": _memory,
}
