"""What the check for NSFW photos costs, in seconds of one core and in memory, on noise of the largest size it sees.

python -m benchmarks.speed.nsfw      needs `childface weights fetch`
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np
import psutil
import torch

from core.photo.decode import MAX_SIDE
from core.photo.nsfw import SafetyCheck


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--weights", type=Path, default=Path.home() / ".cache" / "childface")
    asked.add_argument("--repeat", type=int, default=15)
    told = asked.parse_args()
    torch.set_num_threads(1)
    process = psutil.Process()
    before = process.memory_info().rss
    began = time.thread_time()
    check = SafetyCheck.load(told.weights)
    loading = time.thread_time() - began
    chance = np.random.default_rng(0)
    report: dict[str, object] = {"load_ms": round(1e3 * loading)}
    for side in (1024, MAX_SIDE):
        photo = chance.integers(0, 256, (side * 3 // 4, side, 3), np.uint8)
        check.score(photo)
        spent = []
        for _ in range(told.repeat):
            began = time.thread_time()
            check.score(photo)
            spent.append(time.thread_time() - began)
        report[f"score_ms_{side}"] = round(1e3 * statistics.median(spent), 1)
    report["memory_mb"] = round((process.memory_info().rss - before) / 2**20)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
