"""Run as a process: `childface` with discord.py pointed at a server of this machine, which has no setting for it.

python -m tests.support.processes.discord_elsewhere http://127.0.0.1:1234 bot discord
"""

from __future__ import annotations

import sys

import pytest

from childface.cli.main import main
from tests.support.chats.fake_discord import Discord

if __name__ == "__main__":
    server = Discord()
    server.url = sys.argv[1]
    with pytest.MonkeyPatch.context() as patch:
        server.patch(patch)
        sys.exit(main(sys.argv[2:]))
