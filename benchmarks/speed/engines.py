"""How fast are the engines, and what do they need? `python -m benchmarks.speed.engines` prints ratios.

Everything is measured side by side, in turns: whatever else the machine does slows all of them alike, and the ratio to
the `random-face` package's own graph in OpenVINO (float32, which is faster there than bfloat16) carries over to other
machines. `childface weights fetch --originals` brings that graph. Memory and start are those of processes of their own.

    python -m benchmarks.speed.engines                  our engines but torch's compiler, ten rounds
    python -m benchmarks.speed.engines --compiled       that as well: minutes the first time
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[2] / "examples"
WEIGHTS = Path.home() / ".cache" / "childface"
RIVAL = "random-face's graph in OpenVINO"
TARGETS = {
    "openvino: drawing 1024": 1.0,
    "child of cached parents, 1024, JPEG": 1.5,
    "child of cached parents, 512, JPEG": 0.8,
    "two fresh photos, child 1024, JPEG": 3.3,
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("photos", nargs="*", type=Path, default=[EXAMPLES / "mom.jpg", EXAMPLES / "dad.jpg"])
    options.add_argument("--weights", type=Path, default=WEIGHTS)
    options.add_argument("--rounds", type=int, default=10)
    options.add_argument("--compiled", action="store_true", help="also torch's compiler")
    options.add_argument("--json", action="store_true")
    options.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.inside:
        print(json.dumps(memory(chosen)))
        return
    load_before = os.getloadavg()[0]
    times = in_turns(works(chosen), chosen.rounds)
    answer = subprocess.run([sys.executable, __file__, *sys.argv[1:], "--inside"], capture_output=True, text=True)
    found = {
        "seconds": {name: statistics.median(spent) for name, spent in times.items()},
        "ratios": {name: ratio(spent, times[RIVAL]) for name, spent in times.items()},
        "start": statistics.median(start(chosen.photos) for _ in range(3)),
        "memory": json.loads(answer.stdout) if answer.returncode == 0 else answer.stderr,
        "load": load_before,
    }
    print(json.dumps(found)) if chosen.json else report(found)


def works(chosen: argparse.Namespace) -> dict[str, Callable[[], object]]:
    """What is timed, by name. Every call has a face of its own: nothing can be left over from the one before."""
    import torch

    from core.domain.child_spec import ChildSpec
    from core.engines import selection
    from core.modeling.registry import Models
    from core.output.images import encode_picture
    from core.pipeline import ChildPipeline

    models = Models(chosen.weights)
    people = (
        models.generator.sample(1, truncation=0.7, generator=torch.Generator().manual_seed(seed)) for seed in count()
    )
    found: dict[str, Callable[[], object]] = {
        RIVAL: rival(chosen.weights, "f32", people),
        f"{RIVAL}, bfloat16": rival(chosen.weights, "bf16", people),
    }
    for name in selection.available():
        if name != "compiled" or chosen.compiled:
            engine = selection.load_engine(models, name)
            for size in (1024, 512, 256):
                found[f"{name}: drawing {size}"] = lambda engine=engine, size=size: engine.draw(next(people), size=size)
    pipeline = ChildPipeline.load(chosen.weights, nsfw_limit=0.8)
    pipeline.step_aside()
    photos = [path.read_bytes() for path in chosen.photos]
    mom, dad = (pipeline.encode(photo).latent for photo in photos)
    seeds = count()

    def child(size: int) -> bytes:
        return encode_picture(pipeline.make(mom, dad, ChildSpec(seed=next(seeds), size=size)).image, kind="jpeg")

    def fresh() -> bytes:
        with ThreadPoolExecutor(2) as both:
            latents = [parent.latent for parent in both.map(pipeline.encode, photos)]
        return encode_picture(pipeline.make(*latents, ChildSpec(seed=next(seeds))).image, kind="jpeg")

    found["child of cached parents, 1024, JPEG"] = lambda: child(1024)
    found["child of cached parents, 512, JPEG"] = lambda: child(512)
    found["two fresh photos, child 1024, JPEG"] = fresh
    return found


def rival(weights: Path, precision: str, people: Any) -> Callable[[], object]:
    """The published graph, as it comes."""
    from core.engines.openvino.engine import shared_core

    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
    compiled = shared_core().compile_model(weights / "originals" / "SynthesisNetwork.xml", "CPU", options)
    request = compiled.create_infer_request()
    return lambda: request.infer([next(people)[:, 0].numpy()])


def in_turns(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of every work in every round; a first round only warms up."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds + 1):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            if turn:
                times[name].append(time.perf_counter() - began)
    return times


def ratio(spent: list[float], of: list[float]) -> float:
    """Median of the ratios within each round."""
    return statistics.median(mine / theirs for mine, theirs in zip(spent, of, strict=True))


def start(photos: list[Path]) -> float:
    """Seconds from the start of `childface make` to its end, with two photos."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "childface.cli.main", "make", *map(str, photos), "-o", f"{folder}/child.jpg"]
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=EXAMPLES.parent)
        return time.perf_counter() - began


def memory(chosen: argparse.Namespace) -> dict[str, float]:
    """MiB of a process that encoded two photos and drew three children: at rest, at most, and its own alone."""
    from core.domain.child_spec import ChildSpec
    from core.pipeline import ChildPipeline

    pipeline = ChildPipeline.load(chosen.weights, nsfw_limit=0.8)
    mom, dad = (pipeline.encode(path.read_bytes()).latent for path in chosen.photos)
    for seed in range(3):
        pipeline.make(mom, dad, ChildSpec(seed=seed))
    told = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    names = {"at rest": "VmRSS", "at most": "VmHWM", "not shared": "RssAnon"}
    return {name: int(told[key].split()[0]) / 1024 for name, key in names.items()}


def report(found: dict[str, Any]) -> None:
    print(f"{'load ' + format(found['load'], '.1f'):42}{'seconds':>9}{'ratio':>8}{'target':>8}")
    for name, seconds in found["seconds"].items():
        print(f"{name:42}{seconds:9.3f}{found['ratios'][name]:8.2f}{TARGETS.get(name, ''):>8}")
    print(f"{'start of the process to first child':42}{found['start']:9.2f}{'':8}{6.0:>6} s")
    for name, megabytes in found["memory"].items():
        print(f"{'memory, ' + name:42}{megabytes:9.0f} MiB")


if __name__ == "__main__":
    main()
