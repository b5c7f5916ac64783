"""What `childface bot all` weighs where the workers are elsewhere, and what it never loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

MAX_MEGABYTES = 150

WEIGH = """
import asyncio, sys
from pathlib import Path
import childface.cli.main
from childface.settings import Settings
from childface.bootstrap import chat_bots, open_house
from storage import migrate

home = Path(sys.argv[1])
settings = Settings(
    _env_file=None, data_dir=home, telegram_token="1:a", discord_token="a.b.c", broker_url="redis://127.0.0.1:1"
)
migrate.upgrade(settings.database_url)

async def both():
    with open_house(settings, None) as house:
        return chat_bots(house, ["telegram", "discord"])

assert len(asyncio.run(both())) == 2
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(int(status["VmHWM"].split()[0]) // 1024)
print(*[name for name in ("torch", "numpy", "scipy", "dlib", "onnxruntime") if name in sys.modules])
"""


def test_a_bot_process_without_worker_is_small_and_loads_no_model_library(tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", WEIGH, str(tmp_path)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    megabytes, loaded = ran.stdout.split("\n")[:2]
    assert int(megabytes) < MAX_MEGABYTES
    assert loaded == ""
