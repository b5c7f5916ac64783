"""How long a child takes: `python benchmarks/speed/pipeline.py [MOM DAD] [--refine]` prints a table.

Every figure is measured in a separate process, so that "start to first child" is what a person would wait and the
memory is that of one embedded process. The last column is the time as a multiple of one 1024-px drawing in the same
run: that ratio carries over to other machines, the seconds do not.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
WEIGHTS = Path.home() / ".cache" / "childface"
TARGETS = {
    "start of the process to first child": 12.0,
    "two fresh photos to child": 2.5,
    "next child of the same parents": 1.3,
    "refinement of one parent": 30.0,
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("photos", nargs="*", type=Path, default=[EXAMPLES / "mom.jpg", EXAMPLES / "dad.jpg"])
    options.add_argument("--weights", type=Path, default=WEIGHTS)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--refine", action="store_true", help="also refine one parent")
    options.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.inside:
        print(json.dumps(measure(chosen)))
        return
    answer = subprocess.run([sys.executable, __file__, *sys.argv[1:], "--inside"], capture_output=True, text=True)
    if answer.returncode:
        sys.exit(answer.stderr)
    report(json.loads(answer.stdout))


def measure(chosen: argparse.Namespace) -> dict[str, float]:
    """Seconds by figure, and memory in MB; in a fresh process."""
    born = time.clock_gettime(time.CLOCK_BOOTTIME) - _age_of_this_process()
    from core.domain.child_spec import ChildSpec
    from core.pipeline import ChildPipeline

    mom_photo, dad_photo = (path.read_bytes() for path in chosen.photos)
    pipeline = ChildPipeline.load(chosen.weights)

    def fresh() -> None:
        pipeline.make(pipeline.encode(mom_photo).latent, pipeline.encode(dad_photo).latent, ChildSpec())

    fresh()
    found = {"start of the process to first child": time.clock_gettime(time.CLOCK_BOOTTIME) - born}
    mom, dad = pipeline.encode(mom_photo), pipeline.encode(dad_photo)
    found["one drawing at 1024 px"] = median(lambda: pipeline.draw(mom.latent), chosen.runs)
    found["encoding one photo"] = median(lambda: pipeline.encode(mom_photo), chosen.runs)
    found["two fresh photos to child"] = median(fresh, chosen.runs)
    found["next child of the same parents"] = median(
        lambda: pipeline.make(mom.latent, dad.latent, ChildSpec(seed=1)), chosen.runs
    )
    found["MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if chosen.refine:
        found["refinement of one parent"] = median(lambda: pipeline.refine(mom.crop, mom.latent), 1)
        found["MB after refinement"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def median(work: Callable[[], object], runs: int) -> float:
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def report(found: dict[str, float]) -> None:
    unit = found["one drawing at 1024 px"]
    print(f"{'':40}{'seconds':>9}{'target':>9}{'drawings':>10}")
    for name, value in found.items():
        if name.startswith("MB"):
            print(f"{'memory, ' + name:40}{value:9.0f}{1536:9}")
        else:
            print(f"{name:40}{value:9.2f}{TARGETS.get(name, ''):>9}{value / unit:10.1f}")


def _age_of_this_process() -> float:
    import os

    fields = Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
