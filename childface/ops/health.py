"""Quick liveness checks for supervisors; `doctor` checks more."""

from __future__ import annotations

from childface.ops.doctor import CHECKS, Finding
from childface.ops.heartbeat import SILENT_AFTER, silence
from childface.settings import Settings


def listen(settings: Settings) -> Finding:
    """When the process beside us gave a sign of life last."""
    if settings.heartbeat_file is None:
        return Finding("heartbeat", "bad", "no file to look at", "set CHILDFACE_HEARTBEAT_FILE for both")
    seconds = silence(settings.heartbeat_file)
    if seconds is None:
        return Finding("heartbeat", "bad", f"none yet in {settings.heartbeat_file}: not started, or still starting")
    return Finding("heartbeat", "bad" if seconds > SILENT_AFTER else "good", f"{seconds:.0f} s ago")


def ask_servers(settings: Settings) -> list[Finding]:
    """Whether database (with the tables we want) and broker answer."""
    return [finding for name in ("database", "broker") for finding in CHECKS[name](settings)]
