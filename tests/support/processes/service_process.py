"""The command line as a process, with the fake pipeline: `python -m tests.support.processes.service_process bot all`.

Settings come from the environment, as they do in a deployment.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from childface.cli.context import Environment
from childface.cli.main import main

if TYPE_CHECKING:
    from childface.settings import Settings
    from tests.support.fake_pipeline import FakePipeline

ROOT = Path(__file__).parents[3]


def load_pipeline(settings: Settings) -> FakePipeline:
    """Imported where the work is, as the real one."""
    from tests.support.fake_pipeline import FakePipeline

    return FakePipeline()


def start(*args: str, settings: dict[str, Any], **options: Any) -> subprocess.Popen[str]:
    """One service, in a session of its own."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment |= {name: str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "tests.support.processes.service_process", *args]
    return subprocess.Popen(
        command, cwd=settings["CHILDFACE_DATA_DIR"], env=environment, text=True, start_new_session=True, **options
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Environment(load_pipeline=load_pipeline)))
